"""Where pages are kept: the tiers, leases, tags and order of an engine."""

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
# What a page takes beside its body and its fields.
_OVERHEAD = 600


class _PageKind:
    """What the engine asks of a kind of value. A page says itself for how long it is fresh."""

    name = "page"
    policy = Policy(ttl=ZERO, early=0, ahead=0)


KIND: Any = _PageKind()


class StoredPage:
    """Something stored, with what the order of invalidations says of it."""

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
        """False while invalidations may have passed unnoticed: nothing counts as fresh then."""
        return self.engine.ordering.is_heard

    # --- finding --------------------------------------------------------------------------------------

    def _recall(self, key: str) -> StoredPage | None:
        """From memory, unless it was invalidated or its time is up; no I/O."""
        cached = self.engine.tiers.peek(key)
        return self._as_stored_page(key, cached, "memory") if cached is not None else None

    async def lookup(self, key: str, *, again: bool = False) -> StoredPage | None:
        """From memory, else from the shared tier, which memory has then as well. `again`: what memory has is not
        enough, if another process has made it anew."""
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
        """Whether nothing has ended or expired what was begun there; taken to be so where only I/O could say."""
        ordering = self.engine.ordering
        if begun is None or not ordering.is_local:
            return begun is not None
        return ordering.judge_now(Header(0, 0, 0, 0, True, 0, tags, begun)) is Verdict.VALID

    # --- keeping --------------------------------------------------------------------------------------

    async def begin(self) -> Stamp | None:
        """Noted before the application is asked (rule 2)."""
        return await self.engine.ordering.begin()

    def covers(self, begun: Stamp | None) -> bool:
        """Whether what was begun there may answer who comes now (rule 16)."""
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
    """Unix seconds; cost in seconds."""

    made_at: float
    fresh_until: float
    stale_until: float
    discard_at: float
    cost: float = 0.0


def tags_of_page(request: Request) -> tuple[str, ...]:
    """By which a page is purged: its URL, its path on any host, and all pages."""
    return request.key, path_tag(request.target), resource_tag(KIND.name)


def path_tag(target: str) -> str:
    """Of path and query, as the key has them."""
    return f"path:{shorten(target)}"


def entry_key(key: str) -> EntryKey:
    return EntryKey(KIND, (), key)


def size_of(value: StoredValue) -> int:
    if isinstance(value, Page):
        return _OVERHEAD + len(value.body) + sum(len(name) + len(value) for name, value in value.pairs)
    return _OVERHEAD


class Lookup:
    """What is stored for a request. `forwarded` there is nothing to answer from, in the words of RFC 9211."""

    __slots__ = ("forwarded", "stored")

    def __init__(self, stored: StoredPage | None, forwarded: str) -> None:
        self.stored = stored
        self.forwarded = forwarded

    @property
    def is_hit_for_miss(self) -> bool:
        """The last answer was for one reader alone: so may be the next."""
        return self.stored is not None and isinstance(self.stored.value, HitForMiss)

    @property
    def page(self) -> Page | None:
        return self.stored.value if self.stored is not None and isinstance(self.stored.value, Page) else None

    def replaces(self, old: StoredPage | None) -> bool:
        """Whether somebody has made it meanwhile, and nothing has ended it since."""
        if self.stored is None or self.page is None or self.stored.verdict is not Verdict.VALID:
            return False
        return old is None or self.stored.header.made_at > old.header.made_at
