"""What of a page goes out."""

import re
from typing import Any

from content.caching.edge.profile import Profile
from content.caching.edge.rules.coding import coded_tag, may_be_coded, with_vary
from content.caching.edge.rules.conditions import fields_of_304
from content.caching.edge.rules.fields import Field, Fields
from content.caching.edge.stored import Page

# What would end a line, or a message, on the wire.
UNFIT = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
# Bytes that Python takes for a form and what is made of it.
OVERHEAD = 600
OWN = frozenset({b"cache-tag", b"surrogate-key"})


class Lines:
    """Status and fields of an answer, but for its age: as ASGI takes them, and as they are written; and its body."""

    __slots__ = ("body", "head", "pairs", "status", "written")

    def __init__(self, status: int, fields: Fields, body: bytes) -> None:
        # With its age, as it was last written, for whoever asks in the same second.
        self.head: Any = None
        self.status = status
        self.pairs = fields.pairs
        self.written = b"".join(b"%b: %b\r\n" % pair for pair in fields.pairs)
        self.body = body


class Form:
    """A page in one coding (a representation, RFC 9110, section 3.2): its fields as they go out, and its body.

    `coding` is "" for the page as it came.
    """

    __slots__ = ("all_of_it", "body", "coding", "etag", "fields", "nothing_new")

    def __init__(self, coding: str, fields: Fields, body: bytes) -> None:
        self.coding = coding
        self.fields = fields
        self.body = body
        self.etag = fields.first(b"etag")
        self.all_of_it: Lines | None = None
        self.nothing_new: Lines | None = None

    def whole(self, status: int) -> Lines:
        if self.all_of_it is None:
            self.all_of_it = Lines(status, with_length(status, self.fields, len(self.body)), self.body)
        return self.all_of_it

    @property
    def known(self) -> Lines:
        """For a client that has it."""
        if self.nothing_new is None:
            self.nothing_new = Lines(304, fields_of_304(self.fields), b"")
        return self.nothing_new

    @property
    def size(self) -> int:
        """Bytes, without the body of the page itself, which counts as the page's."""
        lines = sum(len(name) + len(value) + 4 for name, value in self.fields.pairs)
        return OVERHEAD + 2 * lines + (len(self.body) if self.coding else 0)


def plain_form(page: Page, profile: Profile) -> Form:
    fields = outward(page.fields, profile)
    return Form("", with_vary(fields) if is_codable(page, profile) else fields, page.body)


def coded_form(page: Page, profile: Profile, coding: str, level: int, body: bytes) -> Form:
    more: list[Field] = [(b"content-encoding", coding.encode("ascii"))]
    if page.etag is not None:
        more.append((b"etag", coded_tag(page.etag, coding, level).encode("latin-1")))
    return Form(coding, with_vary(outward(page.fields, profile)).with_these(more), body)


def is_codable(page: Page, profile: Profile) -> bool:
    return bool(profile.codings) and may_be_coded(page.status, page.fields, len(page.body))


def outward(fields: Fields, profile: Profile) -> Fields:
    """Without what was meant for this cache alone."""
    own = {profile.targeted[0]} if profile.targeted else set()
    return fields.without(own if profile.keeps_tags else own | OWN)


def with_length(status: int, fields: Fields, length: int) -> Fields:
    return fields if status in (204, 205) else fields.with_these([(b"content-length", str(length).encode())])


def is_fit(pairs: tuple[Field, ...]) -> bool:
    """Whether it may be written to a connection as it is."""
    return not any(UNFIT.search(name) or UNFIT.search(value) for name, value in pairs)
