"""EdgeCache: a shared HTTP cache (RFC 9111) in front of an ASGI application, inside the server's process."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from content.caching.dependencies import Dependencies
from content.caching.edge.asgi import Application, Client, Message, Receive, Send
from content.caching.edge.exchange import Exchange
from content.caching.edge.fast_path import FastPath, Hit
from content.caching.edge.origin_fetch import OriginFetch
from content.caching.edge.page import HitForMiss, Page, VaryIndex
from content.caching.edge.page_builder import CompleteResponse, build_page
from content.caching.edge.page_store import Lookup, PageStore, Times
from content.caching.edge.profile import SHARED_CACHE, Profile
from content.caching.edge.representation import untagged_fields
from content.caching.edge.request import Request, normalize
from content.caching.edge.rules.fields import Field, Fields
from content.caching.edge.rules.keys import HOST, variant_key, vary_value
from content.caching.edge.rules.status import CacheStatus
from content.caching.engine import Engine
from content.caching.engines import engine_of, local_engine
from content.caching.entry import Stamp, Verdict

OnServed = Callable[[Page], None]

_MEMORY = 64 * 1024 * 1024
# Most sets of Vary names remembered for one URL.
_MOST_VARIES = 4
# Seconds for which requests do not wait for each other after a response that was not stored.
_HIT_FOR_MISS_SECONDS = 10.0


class EdgeCache:
    """A shared HTTP cache as ASGI middleware.

    - `cache`: alias of the engine whose tiers, leases, tags and log are used. Without it: memory only, `memory`
      bytes.
    - `on_served`: called with each page sent for a GET, hit or miss, except for prefetches.

    Passes lifespan and WebSocket scopes through.
    """

    def __init__(
        self,
        app: Application,
        *,
        cache: str | None = None,
        profile: Profile = SHARED_CACHE,
        memory: int = _MEMORY,
        served: OnServed | None = None,
    ) -> None:
        self.app = app
        self._alias = cache
        self.profile = profile
        self.served = served
        self._own = local_engine(memory) if cache is None else None
        self.fast_path = FastPath(self)
        self._fetches_by_loop: dict[asyncio.AbstractEventLoop, dict[str, OriginFetch]] = {}

    @property
    def engine(self) -> Engine:
        return self._own if self._own is not None else engine_of(self._alias or "default")

    @property
    def page_store(self) -> PageStore:
        return PageStore(self.engine)

    def clock(self) -> float:
        return self.engine.clock()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        hit = self.fast_path.lookup_scope(scope)
        if hit is not None:
            await self._send_hit(hit, scope, send)
            return
        request, client = Request(scope), Client(receive, send)
        exchange = Exchange(self, request, client)
        if len(request.fields.values(b"host")) > 1:
            # Ambiguous host (RFC 9112, section 3.2).
            await exchange.refuse(400, "more than one host")
        elif not HOST.fullmatch(request.host):
            await exchange.refuse(400, "no such host anywhere")
        elif self.profile.hosts is not None and not self.profile.hosts(request.host):
            await exchange.refuse(400, "no such host here")
        elif not request.has_path or self.profile.bypasses(scope["path"]):
            await self.app(scope, receive, send)
        else:
            exchange.request = normalize(request, self.profile)
            await exchange.run()

    async def _send_hit(self, hit: Hit, scope: Message, send: Send) -> None:
        image, encoded, now = hit
        headers = [*image.dated_fields(now), *encoded.pairs]
        body = b"" if scope["method"] == "HEAD" else encoded.body
        await send({"type": "http.response.start", "status": encoded.status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    # --- before anyone asks --------------------------------------------------------------------------------

    async def fresh_for(self, scope: Message) -> float:
        """Seconds for which every process finds the page fresh; 0 if it does not."""
        stored = (await self.lookup(normalize(Request(scope), self.profile), again=True)).stored
        if stored is None or not isinstance(stored.value, Page) or stored.verdict is not Verdict.VALID:
            return 0.0
        return max(0.0, stored.value.fresh_until - self.clock()) if self.page_store.is_heard else 0.0

    async def make(self, scope: Message) -> int:
        """Make and store the page anew. Returns its status, or 0 if another process is making it. Raises the
        application's errors.
        """
        request = normalize(Request(scope), self.profile)
        lookup = await self.lookup(request, again=True)
        fetch = OriginFetch(self, request.as_plain_get(), "stale", old=lookup.stored, client=None, shared=True)
        await self.start_fetch(fetch)
        outcome = fetch.outcome.result()
        if outcome.error is not None:
            raise outcome.error
        return outcome.page.status if outcome.page is not None else fetch.status

    # --- what is stored -----------------------------------------------------------------------------------

    async def lookup(self, request: Request, *, again: bool = False) -> Lookup:
        """Look up the page. `again`: read the shared tier even if memory has it."""
        key = request.key
        stored = await self.page_store.lookup(key, again=again)
        if stored is None:
            return Lookup(None, "uri-miss")
        if not isinstance(stored.value, VaryIndex):
            return Lookup(stored, "bypass" if isinstance(stored.value, HitForMiss) else "uri-miss")
        for vary in stored.value.vary:
            variant = await self.page_store.lookup(variant_key(request.url, vary, request.fields), again=again)
            if variant is not None:
                return Lookup(variant, "vary-miss")
        return Lookup(None, "vary-miss")

    def matches(self, request: Request, page: Page) -> bool:
        """Whether another request's page matches this one's Vary values (RFC 9111, section 4.1)."""
        return page.varied == tuple(vary_value(name, request.fields) for name in page.vary)

    async def store(
        self, request: Request, page: Page, tags: Iterable[str], begun: Stamp | None, times: Times, token: str | None
    ) -> bool:
        key = request.key
        if not page.vary:
            return await self.page_store.store(key, page, tags, begun, times, token)
        stored = await self.page_store.lookup(key)
        known = stored.value.vary if stored is not None and isinstance(stored.value, VaryIndex) else ()
        index = VaryIndex((page.vary, *(vary for vary in known if vary != page.vary))[:_MOST_VARIES], request.url)
        if stored is None or index != stored.value or stored.header.error_until < times.discard_at:
            await self.page_store.store(key, index, [], begun, times)
        return await self.page_store.store(
            variant_key(request.url, page.vary, request.fields), page, tags, begun, times
        )

    async def mark_hit_for_miss(self, request: Request, reason: str, begun: Stamp | None, token: str | None) -> None:
        """Tell later requests, in all processes, not to wait for each other. A stored value stays."""
        key, now = request.key, self.clock()
        if await self.page_store.lookup(key) is None:
            times = Times(now, now, now, now + _HIT_FOR_MISS_SECONDS)
            await self.page_store.store(key, HitForMiss(reason), [key], begun, times, token)
        if token is not None:
            await self.page_store.release_lease(key, token)

    async def freshen(self, request: Request, old: Page, fields: Fields, fetch: OriginFetch) -> None:
        """Update the stored page from the response to HEAD."""
        complete = CompleteResponse(request, old.status, fields, old.body)
        page, times = build_page(
            complete, fetch.requested_at, fetch.received_at, self.clock(), Dependencies(), self.profile
        )
        tags = fetch.old.header.tags if fetch.old is not None else ()
        await self.store(request, page, tags, fetch.begun, times, None)

    # --- calls of the application ----------------------------------------------------------------------------

    @property
    def fetches(self) -> dict[str, OriginFetch]:
        """Running fetches of this event loop, by URL."""
        return self._fetches_by_loop.setdefault(asyncio.get_running_loop(), {})

    def is_fetching(self, key: str) -> bool:
        """Whether this event loop is fetching that URL."""
        fetches = self._fetches_by_loop.get(asyncio.get_running_loop())
        return fetches is not None and key in fetches

    def start_fetch(self, fetch: OriginFetch) -> "asyncio.Task[None]":
        if fetch.is_shared:
            self.fetches[fetch.key] = fetch
        return self.start_task(fetch.run())

    def end_fetch(self, fetch: OriginFetch) -> None:
        fetches = self.fetches
        if fetches.get(fetch.key) is fetch:
            del fetches[fetch.key]
        if not fetches:
            self._fetches_by_loop.pop(asyncio.get_running_loop(), None)

    def refresh(self, request: Request, lookup: Lookup) -> None:
        """Refresh in the background: one fetch a key, and with backoff after a failure."""
        key = request.key
        if key not in self.fetches and not self.engine.backoff.is_delayed(key):
            self.start_fetch(
                OriginFetch(self, request.as_plain_get(), "stale", old=lookup.stored, client=None, shared=True)
            )

    def start_task(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        return self.engine.loop_state().begin(work)

    def outgoing_fields(self, fields: Fields, cache_status: CacheStatus) -> list[Field]:
        """Fields of a response that is passed on, or sent before it is complete."""
        return [
            *untagged_fields(fields, self.profile).pairs,
            (b"cache-status", cache_status.encode(self.profile.name)),
        ]
