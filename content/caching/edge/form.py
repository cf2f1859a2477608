"""What of a page goes out."""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from content.caching.edge.profile import Profile
from content.caching.edge.rules.coding import coded_tag, may_be_coded, with_vary
from content.caching.edge.rules.conditions import fields_of_304
from content.caching.edge.rules.directives import AT_MOST
from content.caching.edge.rules.fields import Field, Fields
from content.caching.edge.stored import Page

# What would end a line, or a message, on the wire.
UNFIT = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Bytes that Python takes for a form and what is made of it.
OVERHEAD = 600
OWN = frozenset({b"cache-tag", b"surrogate-key"})
# What the application calls a page, for whoever counts.
LABEL = b"evergreen-label"


class Moment(msgspec.Struct, eq=False, gc=False):
    """A head as it is written until its age is another (Unix seconds), or what the server says with every answer."""

    head: bytes
    until: float
    defaults: Any


class Lines(msgspec.Struct, eq=False, gc=False):
    """Status and fields of an answer, but for its age: as ASGI takes them, and as they are written; and its body."""

    status: int
    pairs: tuple[Field, ...]
    body: bytes
    # How all its heads on the wire end; and, once two have asked in the same second, the head for all others.
    rest: bytes | None = None
    moment: Moment | None = None
    seen: Any = None

    def ended(self, after: bytes) -> bytes:
        """The end of its head on the wire: of the line that says its age and time left, its fields, an empty line."""
        fields = b"".join(b"%b: %b\r\n" % pair for pair in self.pairs)
        self.rest = b"%b\r\n%b\r\n" % (after, fields)
        return self.rest


class Form(msgspec.Struct, eq=False, gc=False):
    """A page in one coding (a representation, RFC 9110, section 3.2): its fields as they go out, and its body.

    `coding` is "" for the page as it came.
    """

    coding: str
    pairs: tuple[Field, ...]
    body: bytes
    etag: str | None
    all_of_it: Lines | None = None
    nothing_new: Lines | None = None

    @property
    def fields(self) -> Fields:
        return Fields.of(self.pairs)

    def whole(self, status: int) -> Lines:
        if self.all_of_it is None:
            self.all_of_it = Lines(status, with_length(status, self.fields, len(self.body)).pairs, self.body)
        return self.all_of_it

    @property
    def known(self) -> Lines:
        """For a client that has it."""
        if self.nothing_new is None:
            self.nothing_new = Lines(304, fields_of_304(self.fields).pairs, b"")
        return self.nothing_new

    @property
    def size(self) -> int:
        """Bytes, without the body of the page itself, which counts as the page's."""
        lines = sum(len(name) + len(value) + 4 for name, value in self.pairs)
        return OVERHEAD + 2 * lines + (len(self.body) if self.coding else 0)


def form_of(coding: str, fields: Fields, body: bytes) -> Form:
    return Form(coding, fields.pairs, body, fields.first(b"etag"))


def plain_form(page: Page, profile: Profile, tags: Iterable[str]) -> Form:
    fields = of_page(page, profile, tags)
    return form_of("", with_vary(fields) if is_codable(page, profile) else fields, page.body)


def coded_form(page: Page, profile: Profile, tags: Iterable[str], coding: str, level: int, body: bytes) -> Form:
    more: list[Field] = [(b"content-encoding", coding.encode("ascii"))]
    if page.etag is not None:
        more.append((b"etag", coded_tag(page.etag, coding, level).encode("latin-1")))
    return form_of(coding, with_vary(of_page(page, profile, tags)).with_these(more), body)


def is_codable(page: Page, profile: Profile) -> bool:
    return bool(profile.codings) and may_be_coded(page.status, page.fields, len(page.body))


def outward(fields: Fields, profile: Profile) -> Fields:
    """Without what was meant for this cache alone."""
    own = {LABEL, *profile.targeted[:1]}
    cleaned = fields.without(own | OWN)
    if b"cache-control" not in fields and any(AT_MOST in (fields.joined(name) or "") for name in own):
        # What the edge alone may store, browsers have to ask for.
        return cleaned.with_these([(b"cache-control", b"no-cache")])
    return cleaned


def of_page(page: Page, profile: Profile, tags: Iterable[str]) -> Fields:
    """With what a CDN is told of it."""
    fields = outward(page.fields, profile)
    return fields if profile.cdn is None else fields.with_these(profile.cdn.of_page(page, tags))


def of_anything_else(fields: Fields, profile: Profile) -> Fields:
    """Of an answer that is no page whose tags are known."""
    fields = outward(fields, profile)
    return fields if profile.cdn is None else fields.with_these(profile.cdn.of_anything_else())


def not_to_be_kept(pairs: list[Field], profile: Profile) -> list[Field]:
    """An answer that was written as of a page, and that no CDN may keep after all."""
    return pairs if profile.cdn is None else profile.cdn.forbidden(pairs)


def with_length(status: int, fields: Fields, length: int) -> Fields:
    return fields if status in (204, 205) else fields.with_these([(b"content-length", str(length).encode())])


def is_fit(pairs: tuple[Field, ...]) -> bool:
    """Whether it may be written to a connection as it is."""
    return all(TOKEN.fullmatch(name) and not UNFIT.search(value) for name, value in pairs)
