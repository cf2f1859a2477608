"""Values stored under a page's key: a page, an index of variants, or a hit-for-miss marker."""

import msgspec

from .rules.directives import Directives
from .rules.fields import Field, Fields, parse_date


class Page(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="p"):
    """A complete response and the directives it is stored by. Times in Unix seconds, ages in seconds."""

    url: str
    status: int
    pairs: tuple[Field, ...]
    body: bytes
    # When it was received, and its age then (RFC 9111, section 4.2.3).
    received_at: float
    initial_age: float
    lifetime: float
    arguments: dict[str, str | None]
    # The field names in Vary, and the request's values of them.
    vary: tuple[str, ...] = ()
    varied: tuple[str, ...] = ()
    # The application's name for the page (Evergreen-Label), used for counting and not sent to clients.
    label: str = ""
    # Keys of the resources it was made from, for `cache_explain`.
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
    """The index of variants of one URL: the field names of each Vary, the newest first."""

    vary: tuple[tuple[str, ...], ...]
    url: str


class HitForMiss(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="n"):
    """A marker: the last response was not stored, so requests do not wait for each other."""

    reason: str


StoredValue = Page | VaryIndex | HitForMiss


class Times(msgspec.Struct, frozen=True):
    """When a page was made and how long it lasts (Unix seconds), and what it cost (seconds)."""

    made_at: float
    fresh_until: float
    stale_until: float
    discard_at: float
    cost: float = 0.0
