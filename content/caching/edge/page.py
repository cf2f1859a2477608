"""What is kept under a key: a page, a fork to its variants, or the word that it is not kept."""

import msgspec

from content.caching.edge.rules.dates import parse_date
from content.caching.edge.rules.directives import Directives
from content.caching.edge.rules.fields import Field, Fields


class Page(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="p"):
    """A whole response, and the directives it is kept by. Times in Unix seconds, ages in seconds."""

    url: str
    status: int
    pairs: tuple[Field, ...]
    body: bytes
    # When it came, and how old it was then (RFC 9111, section 4.2.3).
    received_at: float
    initial_age: float
    lifetime: float
    arguments: dict[str, str | None]
    # The names in Vary, and what the request had to say there.
    vary: tuple[str, ...] = ()
    varied: tuple[str, ...] = ()
    # What the application calls it, for whoever counts (the field Evergreen-Label, which goes no further).
    label: str = ""
    # The keys of what was read for it, for whoever explains it.
    parts: tuple[str, ...] = ()

    @property
    def fields(self) -> Fields:
        return Fields.of(self.pairs)

    @property
    def directives(self) -> Directives:
        return Directives(self.arguments)

    @property
    def fresh_until(self) -> float:
        return self.received_at - self.initial_age + self.lifetime

    def age(self, now: float) -> float:
        return self.initial_age + max(0.0, now - self.received_at)

    @property
    def etag(self) -> str | None:
        return self.fields.first(b"etag")

    @property
    def modified(self) -> float | None:
        return parse_date(self.fields.first(b"last-modified"))

    @property
    def can_be_validated(self) -> bool:
        return self.etag is not None or self.modified is not None


class VaryIndex(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="f"):
    """Of a URL whose responses vary: the field names of each Vary, the newest first."""

    vary: tuple[tuple[str, ...], ...]
    url: str


class HitForMiss(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="n"):
    """What came was for one reader, or not to be kept: nobody waits for the next."""

    reason: str


StoredValue = Page | VaryIndex | HitForMiss
