"""What of a page goes out."""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from .page import Page
from .profile import Profile
from .rules.coding import coded_tag, is_compressible, with_vary
from .rules.conditions import not_modified_fields
from .rules.directives import AT_MOST
from .rules.fields import Field, Fields

# What would end a line, or a message, on the wire.
_UNFIT = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Bytes that Python takes for a form and what is made of it.
_OVERHEAD = 600
_OWN_TAG_FIELDS = frozenset({b"cache-tag", b"surrogate-key"})
# What the application calls a page, for whoever counts.
LABEL = b"evergreen-label"


class DatedHead(msgspec.Struct, eq=False, gc=False):
    """A head as it is written until its age is another (Unix seconds), or what the server says with every answer."""

    head: bytes
    until: float
    defaults: Any


class EncodedHead(msgspec.Struct, eq=False, gc=False):
    """Status and fields of an answer, but for its age: as ASGI takes them, and as they are written; and its body."""

    status: int
    pairs: tuple[Field, ...]
    body: bytes
    # How all its heads on the wire end; and, once two have asked in the same second, the head for all others.
    tail: bytes | None = None
    dated: DatedHead | None = None
    last_defaults: Any = None

    def encode_tail(self, after: bytes) -> bytes:
        """The end of its head on the wire: of the line that says its age and time left, its fields, an empty line."""
        fields = b"".join(b"%b: %b\r\n" % pair for pair in self.pairs)
        self.tail = b"%b\r\n%b\r\n" % (after, fields)
        return self.tail


class Representation(msgspec.Struct, eq=False, gc=False):
    """A page in one coding (a representation, RFC 9110, section 3.2): its fields as they go out, and its body.

    `coding` is "" for the page as it came.
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
        """For a client that has it."""
        if self.cached_not_modified_head is None:
            self.cached_not_modified_head = EncodedHead(304, not_modified_fields(self.fields).pairs, b"")
        return self.cached_not_modified_head

    @property
    def size(self) -> int:
        """Bytes, without the body of the page itself, which counts as the page's."""
        lines = sum(len(name) + len(value) + 4 for name, value in self.pairs)
        return _OVERHEAD + 2 * lines + (len(self.body) if self.coding else 0)


def _represent(coding: str, fields: Fields, body: bytes) -> Representation:
    return Representation(coding, fields.pairs, body, fields.first(b"etag"))


def plain_representation(page: Page, profile: Profile, tags: Iterable[str]) -> Representation:
    fields = _tagged_fields(page, profile, tags)
    return _represent("", with_vary(fields) if is_codable(page, profile) else fields, page.body)


def coded_representation(
    page: Page, profile: Profile, tags: Iterable[str], coding: str, level: int, body: bytes
) -> Representation:
    more: list[Field] = [(b"content-encoding", coding.encode("ascii"))]
    if page.etag is not None:
        more.append((b"etag", coded_tag(page.etag, coding, level).encode("latin-1")))
    return _represent(coding, with_vary(_tagged_fields(page, profile, tags)).with_fields(more), body)


def is_codable(page: Page, profile: Profile) -> bool:
    return bool(profile.codings) and is_compressible(page.status, page.fields, len(page.body))


def _public_fields(fields: Fields, profile: Profile) -> Fields:
    """Without what was meant for this cache alone."""
    own = {LABEL, *profile.targeted[:1]}
    cleaned = fields.without(own | _OWN_TAG_FIELDS)
    if b"cache-control" not in fields and any(AT_MOST in (fields.combined_value(name) or "") for name in own):
        # What the edge alone may store, browsers have to ask for.
        return cleaned.with_fields([(b"cache-control", b"no-cache")])
    return cleaned


def _tagged_fields(page: Page, profile: Profile, tags: Iterable[str]) -> Fields:
    """With what a CDN is told of it."""
    fields = _public_fields(page.fields, profile)
    return fields if profile.cdn is None else fields.with_fields(profile.cdn.for_page(page, tags))


def untagged_fields(fields: Fields, profile: Profile) -> Fields:
    """Of an answer that is no page whose tags are known."""
    fields = _public_fields(fields, profile)
    return fields if profile.cdn is None else fields.with_fields(profile.cdn.for_uncacheable())


def forbid_storing(pairs: list[Field], profile: Profile) -> list[Field]:
    """An answer that was written as of a page, and that no CDN may keep after all."""
    return pairs if profile.cdn is None else profile.cdn.forbid(pairs)


def _with_length(status: int, fields: Fields, length: int) -> Fields:
    return fields if status in (204, 205) else fields.with_fields([(b"content-length", str(length).encode())])


def is_writable(pairs: tuple[Field, ...]) -> bool:
    """Whether it may be written to a connection as it is."""
    return all(_TOKEN.fullmatch(name) and not _UNFIT.search(value) for name, value in pairs)
