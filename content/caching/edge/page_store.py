"""Store and look up pages in an engine's tiers, under its leases and tags."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from ..engine import Engine
from ..entry import CachedValue, Header, Stamp, Verdict
from ..errors import Unreadable
from ..key import KeyKind, resource_tag, shorten
from ..lease import BACKGROUND, Lease
from ..metrics.events import emit
from ..ordering.tag_index import Kind
from ..policy import ZERO, Policy
from ..serializer import decode
from ..stores.memory import header_size
from .encoder import is_of_encoder
from .page import (
    HitForMiss,
    Page,
    StoredValue,
    Times,
    VaryIndex,
    keep_codings,
    variant_key,
)
from .request import Request
from .rules.variants import vary_value

encode_value = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(StoredValue)

_MOST_TAGS = 1000
# Most sets of Vary names remembered for one URL.
MOST_VARIES = 4
# Seconds for which requests do not wait for each other after a response that was not stored.
_HIT_FOR_MISS_SECONDS = 10.0
# Bytes that Python uses for a page besides its body and fields.
_OVERHEAD = 600
_CODED_OVERHEAD = 120
_MOST_CODINGS = 8


class _PageKind:
    """The name and policy of all pages. Each page carries its own freshness."""

    name = "page"
    policy = Policy(ttl=ZERO, early=0, ahead=0)


KIND: KeyKind = _PageKind()


class PageKey(NamedTuple):
    """The key of one page, variant index or hit-for-miss marker, as the tiers take it."""

    key: str
    owner: KeyKind = KIND


class StoredPage:
    """A stored value with the invalidation log's verdict."""

    __slots__ = ("cached", "header", "key", "tier", "value")

    def __init__(self, key: str, cached: CachedValue, tier: str) -> None:
        self.key = key
        self.cached = cached
        self.value: StoredValue = cached.value
        self.header = cached.header
        self.tier = tier

    @property
    def verdict(self) -> Verdict:
        return self.cached.verdict


class PageStore:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def is_heard(self) -> bool:
        """False if invalidations may have been missed. Then nothing counts as fresh."""
        return self.engine.ordering.is_heard

    # --- looking up ------------------------------------------------------------------------------------

    async def lookup_page(self, request: Request, *, again: bool = False) -> "Lookup":
        """Look up the page for a request, or its variant (RFC 9111, section 4.1). `again`: as in `lookup`."""
        stored = await self.lookup(request.key, again=again)
        if stored is None:
            return Lookup(None, "uri-miss")
        if not isinstance(stored.value, VaryIndex):
            return Lookup(stored, "bypass" if isinstance(stored.value, HitForMiss) else "uri-miss")
        for vary in stored.value.vary:
            variant = await self.lookup(variant_key(request.url, vary, request.fields), again=again)
            if variant is not None:
                return Lookup(variant, "vary-miss")
        return Lookup(None, "vary-miss")

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
        cached = (await self.engine.tiers.lookup([PageKey(key)], again=again)).get(key)
        if cached is None or (remembered is not None and cached.header.made_at <= remembered.header.made_at):
            return remembered
        try:
            cached.value, cached.is_decoded = read_stored_value(cached.value), True
        except Unreadable as error:
            emit("unreadable", KIND.name, key, reason=str(error))
            return remembered
        self.engine.tiers.update_verdict(cached)
        stored = self._as_stored_page(key, cached, "shared")
        if stored is not None:
            self.engine.tiers.remember(PageKey(key), cached, size_of(cached.value))
        return stored

    def _as_stored_page(self, key: str, cached: CachedValue, tier: str) -> StoredPage | None:
        if cached.verdict is Verdict.INVALID or self.engine.clock() >= cached.header.error_until:
            return None
        return StoredPage(key, cached, tier)

    def update_verdict(self, stored: StoredPage) -> None:
        """A verdict from before an await may be from before an invalidation that a reader must see."""
        self.engine.tiers.update_verdict(stored.cached)

    def still_holds(self, begun: Stamp | None, tags: tuple[str, ...]) -> bool:
        """Whether no invalidation or expiry has come since `begun`. Assumed where only I/O could tell."""
        ordering = self.engine.ordering
        if begun is None or not ordering.is_local:
            return begun is not None
        return ordering.judge_now(Header(0, 0, 0, 0, True, 0, tags, begun)) is Verdict.VALID

    # --- storing ---------------------------------------------------------------------------------------

    async def begin(self) -> Stamp | None:
        """Read the log's position, before the application is called (rule 2)."""
        return await self.engine.ordering.begin()

    def covers(self, begun: Stamp | None) -> bool:
        """Whether a load that began at that position may answer a request that comes now (rule 16)."""
        return begun is None or self.engine.ordering.covers(begun)

    async def store_page(
        self, request: Request, page: Page, tags: Iterable[str], begun: Stamp | None, times: Times, token: str | None
    ) -> bool:
        """Store the page for a request. If it varies, store it as a variant and list its names in the URL's index."""
        if not page.vary:
            return await self.store(request.key, page, tags, begun, times, token)
        if token and token.startswith(BACKGROUND) and await self.engine.shared.holder(request.key) != token:
            # A reader has taken the lease over. It is of the URL: a store of a variant does not compare it.
            emit("refused", KIND.name, request.key, reason="its lease is another's")
            return False
        stored = await self.lookup(request.key)
        known = stored.value.vary if stored is not None and isinstance(stored.value, VaryIndex) else ()
        index = VaryIndex((page.vary, *(vary for vary in known if vary != page.vary))[:MOST_VARIES], request.url)
        if stored is None or index != stored.value or stored.header.error_until < times.discard_at:
            await self.store(request.key, index, [], begun, times)
        return await self.store(variant_key(request.url, page.vary, request.fields), page, tags, begun, times)

    async def freshen(self, request: Request, old: StoredPage, page: Page, times: Times, begun: Stamp | None) -> None:
        """Replace a stored page by one with newer fields, made of the same dependencies."""
        kept = keep_codings(page, old.value)
        await self.store_page(request, kept, old.header.tags, begun, times, None)

    async def mark_hit_for_miss(self, request: Request, reason: str, begun: Stamp | None, token: str | None) -> None:
        """Tell later requests, in all processes, not to wait for each other. A stored value stays."""
        key, now = request.key, self.engine.clock()
        if await self.lookup(key) is None:
            times = Times(now, now, now, now + _HIT_FOR_MISS_SECONDS)
            await self.store(key, HitForMiss(reason), [request.tag], begun, times, token)
        if token is not None:
            await self.release_lease(key, token)

    async def store(
        self,
        key: str,
        value: StoredValue,
        tags: Iterable[str],
        begun: Stamp | None,
        times: Times,
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
            warmed=times.warmed if isinstance(value, Page) else 0,
        )
        tiers, where = self.engine.tiers, PageKey(key)
        if len(tags_stored) > _MOST_TAGS:
            await tiers.refuse(where, "too many tags", token)
            return False
        cached = CachedValue(header, value, is_decoded=True)
        return await tiers.store(where, cached, encode_value(value), begun, size=size_of(value), token=token)

    def resize(self, key: str, cached: CachedValue) -> None:
        """Count the bytes of a value in memory again, with its wire image."""
        memory, image = self.engine.memory, cached.derived
        if memory is not None:
            size = size_of(cached.value) + header_size(cached.header.tags)
            memory.resize(key, cached, size + (image.size if image is not None else 0))

    async def invalidate(self, tags: Iterable[str]) -> None:
        await self.engine.append(Kind.INVALIDATE, tags)

    # --- leases ---------------------------------------------------------------------------------------

    def new_lease(self, *, has_reader: bool) -> Lease:
        return self.engine.loader.new_lease(has_reader=has_reader)

    async def release_lease(self, key: str, token: str) -> None:
        await self.engine.shared.release(key, token)


def read_stored_value(content: bytes) -> StoredValue:
    """Raises Unreadable for bytes that are no page of this release. Codings that no encoder makes are left out."""
    value: StoredValue = decode(_decoder.decode, content)
    if not isinstance(value, Page) or not value.codings:
        return value
    if len(value.codings) > _MOST_CODINGS:
        raise Unreadable("more codings than any page has")
    known = tuple(coded for coded in value.codings if is_of_encoder(coded, len(value.body)))
    return value if known == value.codings else msgspec.structs.replace(value, codings=known)


def store_key(request: Request, page: Page) -> str:
    """The key under which the page for a request is stored."""
    return variant_key(request.url, page.vary, request.fields) if page.vary else request.key


def tags_of_page(request: Request) -> tuple[str, ...]:
    """The tags of every page: its URL, its path on any host, and the tag of all pages."""
    return request.tag, path_tag(request.target), resource_tag(KIND.name)


def path_tag(target: str) -> str:
    """The tag of a path and query."""
    return f"path:{shorten(target)}"


def matches(request: Request, page: Page) -> bool:
    """Whether another request's page matches this one's Vary values (RFC 9111, section 4.1)."""
    return page.varied == tuple(vary_value(name, request.fields) for name in page.vary)


def size_of(value: StoredValue) -> int:
    if isinstance(value, Page):
        coded = sum(_CODED_OVERHEAD + len(coded.body) for coded in value.codings)
        return _OVERHEAD + len(value.body) + coded + sum(len(name) + len(value) for name, value in value.pairs)
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
