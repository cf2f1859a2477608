"""Representations of a stored page: the fields and bodies that are sent to clients."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ..metrics.process_counts import place_of_hit
from .page import Coded, Page
from .profile import Profile
from .rules.conditions import not_modified_fields
from .rules.directives import AT_MOST
from .rules.fields import Field, Fields
from .rules.variants import is_compressible, tag_for_coding, with_vary

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
    """Status, fields and body of a response. The fields are kept for ASGI and encoded, without the age.

    `place`: that of the counter of its fresh plain hits.
    """

    status: int
    pairs: tuple[Field, ...]
    body: bytes
    # The encoded end of the head. After two requests within a second also the whole head.
    tail: bytes | None = None
    dated: DatedHead | None = None
    last_defaults: Any = None
    place: int = 0

    def __post_init__(self) -> None:
        self.place = place_of_hit(self.status)

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
        """Size in bytes, without the body: it belongs to the page."""
        return _OVERHEAD + 2 * sum(len(name) + len(value) + 4 for name, value in self.pairs)


def _represent(coding: str, fields: Fields, body: bytes) -> Representation:
    return Representation(coding, fields.pairs, body, fields.first(b"etag"))


def represent_plain(page: Page, profile: Profile, tags: Iterable[str], now: float) -> Representation:
    """The uncompressed representation of a page, to be sent at `now` (Unix seconds)."""
    fields = _fields_with_tags(page, profile, tags, now)
    return _represent("", with_vary(fields) if is_codable(page, profile) else fields, page.body)


def represent_coded(plain: Representation, coded: Coded) -> Representation:
    """The representation of the same page in a content coding."""
    more: list[Field] = [(b"content-encoding", coded.coding.encode("ascii"))]
    if plain.etag is not None:
        more.append((b"etag", tag_for_coding(plain.etag, coded.coding, coded.level).encode("latin-1")))
    return _represent(coded.coding, with_vary(plain.fields).with_fields(more), coded.body)


def usable_codings(page: Page, profile: Profile) -> list[Coded]:
    """The stored codings that this site offers."""
    return [each for each in page.codings if each.coding in profile.codings]


def represent_stored(page: Page, profile: Profile, tags: Iterable[str], now: float) -> dict[str, Representation]:
    """The representations of a page that are stored, by coding, to be sent at `now` (Unix seconds)."""
    plain = represent_plain(page, profile, tags, now)
    coded = usable_codings(page, profile) if is_codable(page, profile) else []
    return {"": plain, **{each.coding: represent_coded(plain, each) for each in coded}}


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


def _fields_with_tags(page: Page, profile: Profile, tags: Iterable[str], now: float) -> Fields:
    """The fields of a page, with those for a CDN."""
    fields = _public_fields(page.fields, profile)
    return fields if profile.cdn is None else fields.with_fields(profile.cdn.for_page(page, tags, now))


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
