"""Store and look up pages in an engine's tiers, under its leases and tags."""

from collections.abc import Iterable
from typing import Any

import msgspec

from content.caching.edge.page import HitForMiss, Page, StoredValue
from content.caching.edge.request import Request
from content.caching.engine import Engine
from content.caching.entry import CachedValue, Header, Stamp, Verdict
from content.caching.key import EntryKey, resource_tag, shorten
from content.caching.lease import Lease
from content.caching.metrics.events import emit
from content.caching.ordering.tag_index import Kind
from content.caching.policy import ZERO, Policy

_encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(StoredValue).decode

_MOST_TAGS = 1000
# Bytes that Python uses for a page besides its body and fields.
_OVERHEAD = 600


class _PageKind:
    """The policy of pages, as the engine expects it. Each page carries its own freshness."""

    name = "page"
    policy = Policy(ttl=ZERO, early=0, ahead=0)


KIND: Any = _PageKind()


class StoredPage:
    """A stored value with the invalidation log's verdict."""

    __slots__ = ("cached", "header", "key", "tier", "value", "verdict")

    def __init__(self, key: str, cached: CachedValue, tier: str) -> None:
        self.key = key
        self.cached = cached
        self.value: StoredValue = cached.value
        self.header = cached.header
        self.verdict = cached.verdict
        self.tier = tier


class PageStore:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def is_heard(self) -> bool:
        """False if invalidations may have been missed. Then nothing counts as fresh."""
        return self.engine.ordering.is_heard

    # --- finding --------------------------------------------------------------------------------------

    def _recall(self, key: str) -> StoredPage | None:
        """Look up in memory only. None if it was invalidated or has expired."""
        cached = self.engine.tiers.peek(key)
        return self._as_stored_page(key, cached, "memory") if cached is not None else None

    async def lookup(self, key: str, *, again: bool = False) -> StoredPage | None:
        """Look up in memory, then in the shared tier, and remember the result.

        `again`: read the shared tier even if memory has the page, since another process may have stored a newer one.
        """
        remembered = self._recall(key)
        if remembered is not None and not again:
            return remembered
        cached = (await self.engine.tiers.lookup([entry_key(key)], again=again)).get(key)
        if cached is None or (remembered is not None and cached.header.made_at <= remembered.header.made_at):
            return remembered
        try:
            cached.value, cached.is_decoded = decode(cached.value), True
        except msgspec.MsgspecError as error:
            emit("unreadable", KIND.name, key, reason=str(error))
            return remembered
        self.engine.tiers.update_verdict(cached)
        stored = self._as_stored_page(key, cached, "shared")
        if stored is not None:
            self.engine.tiers.remember(entry_key(key), cached, size_of(cached.value))
        return stored

    def _as_stored_page(self, key: str, cached: CachedValue, tier: str) -> StoredPage | None:
        if cached.verdict is Verdict.INVALID or self.engine.clock() >= cached.header.error_until:
            return None
        return StoredPage(key, cached, tier)

    def still_holds(self, begun: Stamp | None, tags: tuple[str, ...]) -> bool:
        """Whether no invalidation or expiry has come since `begun`. Assumed where only I/O could tell."""
        ordering = self.engine.ordering
        if begun is None or not ordering.is_local:
            return begun is not None
        return ordering.judge_now(Header(0, 0, 0, 0, True, 0, tags, begun)) is Verdict.VALID

    # --- keeping --------------------------------------------------------------------------------------

    async def begin(self) -> Stamp | None:
        """Read the log's position, before the application is called (rule 2)."""
        return await self.engine.ordering.begin()

    def covers(self, begun: Stamp | None) -> bool:
        """Whether a load that began at that position may answer a request that comes now (rule 16)."""
        return begun is None or self.engine.ordering.covers(begun)

    async def store(
        self,
        key: str,
        value: StoredValue,
        tags: Iterable[str],
        begun: Stamp | None,
        times: "Times",
        token: str | None = None,
    ) -> bool:
        """Store it in both tiers. False if an invalidation has overtaken it, or its lease is another's by now.

        The lease of that token ends here.
        """
        tags_stored = tuple(sorted(set(tags)))
        header = Header(
            made_at=times.made_at,
            fresh_until=times.fresh_until,
            stale_until=times.stale_until,
            error_until=times.discard_at,
            there=True,
            cost=times.cost,
            tags=tags_stored,
            stamp=Stamp(""),
        )
        tiers, place = self.engine.tiers, entry_key(key)
        if len(tags_stored) > _MOST_TAGS:
            await tiers.refuse(place, "too many tags", token)
            return False
        cached = CachedValue(header, value, is_decoded=True)
        return await tiers.store(place, cached, _encode(value), begun, size=size_of(value), token=token)

    async def invalidate(self, tags: Iterable[str]) -> None:
        await self.engine.append(Kind.INVALIDATE, tags)

    # --- leases ---------------------------------------------------------------------------------------

    def new_lease(self) -> Lease:
        return self.engine.loader.new_lease()

    async def release_lease(self, key: str, token: str) -> None:
        await self.engine.shared.release(key, token)


class Times(msgspec.Struct, frozen=True):
    """When a page was made and how long it lasts (Unix seconds), and what it cost (seconds)."""

    made_at: float
    fresh_until: float
    stale_until: float
    discard_at: float
    cost: float = 0.0


def tags_of_page(request: Request) -> tuple[str, ...]:
    """The tags of every page: its URL's key, its path on any host, and the tag of all pages."""
    return request.key, path_tag(request.target), resource_tag(KIND.name)


def path_tag(target: str) -> str:
    """The tag of a path and query."""
    return f"path:{shorten(target)}"


def entry_key(key: str) -> EntryKey:
    return EntryKey(KIND, (), key)


def size_of(value: StoredValue) -> int:
    if isinstance(value, Page):
        return _OVERHEAD + len(value.body) + sum(len(name) + len(value) for name, value in value.pairs)
    return _OVERHEAD


class Lookup:
    """The stored page for a request. `forwarded`: why it cannot answer, as a fwd value of Cache-Status (RFC 9211)."""

    __slots__ = ("forwarded", "stored")

    def __init__(self, stored: StoredPage | None, forwarded: str) -> None:
        self.stored = stored
        self.forwarded = forwarded

    @property
    def is_hit_for_miss(self) -> bool:
        """Whether the last response was not stored, so that the next may not be either."""
        return self.stored is not None and isinstance(self.stored.value, HitForMiss)

    @property
    def page(self) -> Page | None:
        return self.stored.value if self.stored is not None and isinstance(self.stored.value, Page) else None

    def replaces(self, old: StoredPage | None) -> bool:
        """Whether another process has stored a newer page that is still valid."""
        if self.stored is None or self.page is None or self.stored.verdict is not Verdict.VALID:
            return False
        return old is None or self.stored.header.made_at > old.header.made_at
