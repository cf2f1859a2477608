"""Representations of a stored page: the fields and bodies that are sent to clients, and their compression."""

import asyncio
import gzip
import logging
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import brotli
import msgspec

from .page import Page
from .profile import Profile
from .rules.conditions import not_modified_fields
from .rules.directives import AT_MOST
from .rules.fields import Field, Fields
from .rules.variants import is_compressible, tag_for_coding, with_vary

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# Characters that could end a line or a message on the wire.
_UNFIT = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Bytes that Python uses for a representation and its heads.
_OVERHEAD = 600
_OWN_TAG_FIELDS = frozenset({b"cache-tag", b"surrogate-key"})
# The application's name for a page, used for counting.
LABEL = b"evergreen-label"


class DatedHead(msgspec.Struct, eq=False, gc=False):
    """An encoded head. It is valid until its age changes (Unix seconds), or the server's default headers do."""

    head: bytes
    until: float
    defaults: Any


class EncodedHead(msgspec.Struct, eq=False, gc=False):
    """Status, fields and body of a response. The fields are kept for ASGI and encoded, without the age."""

    status: int
    pairs: tuple[Field, ...]
    body: bytes
    # The encoded end of the head. After two requests within a second also the whole head.
    tail: bytes | None = None
    dated: DatedHead | None = None
    last_defaults: Any = None

    def encode_tail(self, after: bytes, *, with_date: bool) -> bytes:
        """Encode the end of the head: the rest of the Cache-Status line, the fields and an empty line.

        `with_date`: the server adds no Date of its own.
        """
        fields = b"".join(b"%b: %b\r\n" % pair for pair in self.pairs if with_date or pair[0] != b"date")
        self.tail = b"%b\r\n%b\r\n" % (after, fields)
        return self.tail


class Representation(msgspec.Struct, eq=False, gc=False):
    """A page in one content coding (RFC 9110, section 3.2): the fields that are sent, and the body.

    `coding` is "" for the uncompressed page.
    """

    coding: str
    pairs: tuple[Field, ...]
    body: bytes
    etag: str | None
    cached_head: EncodedHead | None = None
    cached_not_modified_head: EncodedHead | None = None

    @property
    def fields(self) -> Fields:
        return Fields.of(self.pairs)

    def head(self, status: int) -> EncodedHead:
        if self.cached_head is None:
            self.cached_head = EncodedHead(status, _with_length(status, self.fields, len(self.body)).pairs, self.body)
        return self.cached_head

    @property
    def not_modified_head(self) -> EncodedHead:
        """The head of a 304 response."""
        if self.cached_not_modified_head is None:
            self.cached_not_modified_head = EncodedHead(304, not_modified_fields(self.fields).pairs, b"")
        return self.cached_not_modified_head

    @property
    def size(self) -> int:
        """Size in bytes. An uncompressed body is not counted: it belongs to the page."""
        lines = sum(len(name) + len(value) + 4 for name, value in self.pairs)
        return _OVERHEAD + 2 * lines + (len(self.body) if self.coding else 0)


def _represent(coding: str, fields: Fields, body: bytes) -> Representation:
    return Representation(coding, fields.pairs, body, fields.first(b"etag"))


def represent_plain(page: Page, profile: Profile, tags: Iterable[str]) -> Representation:
    """The uncompressed representation of a page."""
    fields = _fields_with_tags(page, profile, tags)
    return _represent("", with_vary(fields) if is_codable(page, profile) else fields, page.body)


def represent_coded(
    page: Page, profile: Profile, tags: Iterable[str], coding: str, level: int, body: bytes
) -> Representation:
    """The representation of a page in a content coding. `body`: the compressed body."""
    more: list[Field] = [(b"content-encoding", coding.encode("ascii"))]
    if page.etag is not None:
        more.append((b"etag", tag_for_coding(page.etag, coding, level).encode("latin-1")))
    return _represent(coding, with_vary(_fields_with_tags(page, profile, tags)).with_fields(more), body)


def choose_representation(representations: Mapping[str, Representation], codings: tuple[str, ...]) -> Representation:
    """The first available coding, else the uncompressed page."""
    for coding in codings:
        if coding in representations:
            return representations[coding]
    return representations[""]


def is_codable(page: Page, profile: Profile) -> bool:
    return bool(profile.codings) and is_compressible(page.status, page.fields, len(page.body))


def _public_fields(fields: Fields, profile: Profile) -> Fields:
    """Remove the fields that are meant for this cache only."""
    own = {LABEL, *profile.targeted[:1]}
    cleaned = fields.without(own | _OWN_TAG_FIELDS)
    if b"cache-control" not in fields and any(AT_MOST in (fields.combine(name) or "") for name in own):
        # Only the edge may store the page. Browsers must revalidate it.
        return cleaned.with_fields([(b"cache-control", b"no-cache")])
    return cleaned


def _fields_with_tags(page: Page, profile: Profile, tags: Iterable[str]) -> Fields:
    """The fields of a page, with those for a CDN."""
    fields = _public_fields(page.fields, profile)
    return fields if profile.cdn is None else fields.with_fields(profile.cdn.for_page(page, tags))


def fields_without_tags(fields: Fields, profile: Profile) -> Fields:
    """The fields of a response whose tags are not known."""
    fields = _public_fields(fields, profile)
    return fields if profile.cdn is None else fields.with_fields(profile.cdn.for_uncacheable())


def forbid_storing(pairs: list[Field], profile: Profile) -> list[Field]:
    """Change the fields of a page so that no CDN stores it."""
    return pairs if profile.cdn is None else profile.cdn.forbid(pairs)


def _with_length(status: int, fields: Fields, length: int) -> Fields:
    return fields if status in (204, 205) else fields.with_fields([(b"content-length", str(length).encode())])


def is_writable(pairs: tuple[Field, ...]) -> bool:
    """Whether the fields may be written to a connection unchanged."""
    return all(_TOKEN.fullmatch(name) and not _UNFIT.search(value) for name, value in pairs)


# --- compression: in one background thread, once per page and coding, never for a single response ---

logger = logging.getLogger(__name__)

# Hot pages get the best level. brotli 11 takes about 20 ms for 8 KB.
QUICK = {"br": 5, "zstd": 6, "gzip": 6}
BEST = {"br": 11, "zstd": 19, "gzip": 9}
# Above this size the best level takes seconds and saves only a few percent (bytes).
_LARGE = 256 * 1024
# Compressions that may wait. Beyond that, pages are sent uncompressed and retried on a later request.
_MOST_WAITING = 64
# Keep a result only if it is at most this share of the original.
_WORTH = 0.9

Done = Callable[[bytes | None], None]


def level_of(coding: str, length: int, *, hot: bool) -> int:
    return BEST[coding] if hot and length <= _LARGE else QUICK[coding]


def _encode(coding: str, level: int, body: bytes) -> bytes:
    match coding:
        case "br":
            return bytes(brotli.compress(body, mode=brotli.MODE_TEXT, quality=level))
        case "zstd":
            return bytes(zstd.compress(body, level))
        case "gzip":
            return gzip.compress(body, level, mtime=0)
    raise ValueError(f"unknown content coding {coding!r}")


class Encoder:
    def __init__(self) -> None:
        self._thread: ThreadPoolExecutor | None = None
        self.waiting: set[asyncio.Future[bytes]] = set()

    def start(self, coding: str, level: int, body: bytes, done: Done) -> bool:
        """Start to compress. False: the queue is full; try again later.

        `done` is called in this event loop with the result, or None if compression saves too little.
        """
        if len(self.waiting) >= _MOST_WAITING:
            return False
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "encoder")
        future = asyncio.get_running_loop().run_in_executor(self._thread, _encode, coding, level, body)
        self.waiting.add(future)
        future.add_done_callback(partial(self._finish, len(body), done))
        return True

    def _finish(self, length: int, done: Done, future: "asyncio.Future[bytes]") -> None:
        self.waiting.discard(future)
        if future.cancelled():
            return
        if error := future.exception():
            logger.error("Cannot compress a page; it is sent uncompressed.", exc_info=error)
        body = None if error else future.result()
        done(body if body is not None and len(body) <= length * _WORTH else None)
