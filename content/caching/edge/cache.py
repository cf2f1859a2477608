"""EdgeCache: a shared HTTP cache (RFC 9111) in front of an ASGI application, inside the server's process."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from content.caching.collecting import Collected
from content.caching.edge.client import Application, Client, Message, Receive, Send
from content.caching.edge.exchange import Exchange
from content.caching.edge.fetch import Fetch
from content.caching.edge.form import of_anything_else
from content.caching.edge.found import Found
from content.caching.edge.hits import Hit, Hits
from content.caching.edge.making import Whole, made
from content.caching.edge.profile import SHARED_CACHE, Profile
from content.caching.edge.request import Request
from content.caching.edge.requesting import prepared
from content.caching.edge.rules.fields import Field, Fields
from content.caching.edge.rules.keys import HOST, selected, variant_key
from content.caching.edge.rules.status import Told
from content.caching.edge.shelf import Shelf, Times
from content.caching.edge.stored import Fork, Page, Passed
from content.caching.engine import Engine
from content.caching.entry import Stamp, Verdict
from content.caching.local import local_engine
from content.caching.registry import engine_of

Served = Callable[[Page], None]

MEMORY = 64 * 1024 * 1024
# Sets of names in Vary that are remembered for one URL.
MOST_FORKS = 4
# Seconds for which nobody waits for a response that was not to be kept.
PASSED_FOR = 10.0


class EdgeCache:
    """`cache`: the alias of an engine, whose tiers, leases, tags and log it uses; without, its own `memory` in bytes.
    `served` is called for each page that goes to a reader, hit or just made: for GET, but not for what a browser
    fetches ahead.

    Answers lifespan and websockets by passing them on.
    """

    def __init__(
        self,
        app: Application,
        *,
        cache: str | None = None,
        profile: Profile = SHARED_CACHE,
        memory: int = MEMORY,
        served: Served | None = None,
    ) -> None:
        self.app = app
        self.alias = cache
        self.profile = profile
        self.served = served
        self.own = local_engine(memory) if cache is None else None
        self.hits = Hits(self)
        self.by_loop: dict[asyncio.AbstractEventLoop, dict[str, Fetch]] = {}

    @property
    def engine(self) -> Engine:
        return self.own if self.own is not None else engine_of(self.alias or "default")

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.engine)

    def clock(self) -> float:
        return self.engine.clock()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        hit = self.hits.of_scope(scope)
        if hit is not None:
            await self.answered(hit, scope, send)
            return
        request, client = Request(scope), Client(receive, send)
        exchange = Exchange(self, request, client)
        if len(request.fields.values(b"host")) > 1:
            # Two names for one page (RFC 9112, section 3.2).
            await exchange.refused(400, "more than one host")
        elif not HOST.fullmatch(request.host):
            await exchange.refused(400, "no such host anywhere")
        elif self.profile.hosts is not None and not self.profile.hosts(request.host):
            await exchange.refused(400, "no such host here")
        elif not request.has_path or self.profile.is_passed(scope["path"]):
            await self.app(scope, receive, send)
        else:
            exchange.request = prepared(request, self.profile)
            await exchange.run()

    async def answered(self, hit: Hit, scope: Message, send: Send) -> None:
        ready, lines, now = hit
        headers = [*ready.said(now), *lines.pairs]
        body = b"" if scope["method"] == "HEAD" else lines.body
        await send({"type": "http.response.start", "status": lines.status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    # --- before anyone asks --------------------------------------------------------------------------------

    async def fresh_for(self, scope: Message) -> float:
        """Seconds for which the page of that request is fresh yet, as any process would find it; 0 for none."""
        held = (await self.find(prepared(Request(scope), self.profile), again=True)).held
        if held is None or not isinstance(held.stored, Page) or held.verdict is not Verdict.VALID:
            return 0.0
        return max(0.0, held.stored.fresh_until - self.clock()) if self.shelf.is_heard else 0.0

    async def make(self, scope: Message) -> int:
        """The page of that request, made anew and stored when this returns; its status. What another process is just
        making is left to it: 0. Raises what the application raises.
        """
        request = prepared(Request(scope), self.profile)
        found = await self.find(request, again=True)
        fetch = Fetch(self, request.as_plain_get(), "stale", old=found.held, client=None, shared=True)
        await self.fly(fetch)
        outcome = fetch.outcome.result()
        if outcome.error is not None:
            raise outcome.error
        return outcome.page.status if outcome.page is not None else fetch.status

    # --- what is stored -----------------------------------------------------------------------------------

    async def find(self, request: Request, *, again: bool = False) -> Found:
        """`again`: whatever memory has, as another process may have made it since."""
        key = request.key
        held = await self.shelf.found(key, again=again)
        if held is None:
            return Found(None, "uri-miss")
        if not isinstance(held.stored, Fork):
            return Found(held, "bypass" if isinstance(held.stored, Passed) else "uri-miss")
        for vary in held.stored.vary:
            variant = await self.shelf.found(variant_key(request.url, vary, request.fields), again=again)
            if variant is not None:
                return Found(variant, "vary-miss")
        return Found(None, "vary-miss")

    def fits(self, request: Request, page: Page) -> bool:
        """Whether a page that was made for another's request is one for this (section 4.1)."""
        return page.varied == tuple(selected(name, request.fields) for name in page.vary)

    async def keep(
        self, request: Request, page: Page, tags: Iterable[str], begun: Stamp | None, times: Times, token: str | None
    ) -> bool:
        key = request.key
        if not page.vary:
            return await self.shelf.keep(key, page, tags, begun, times, token)
        held = await self.shelf.found(key)
        known = held.stored.vary if held is not None and isinstance(held.stored, Fork) else ()
        fork = Fork((page.vary, *(vary for vary in known if vary != page.vary))[:MOST_FORKS], request.url)
        if held is None or fork != held.stored or held.header.error_until < times.kept_until:
            await self.shelf.keep(key, fork, [], begun, times)
        return await self.shelf.keep(variant_key(request.url, page.vary, request.fields), page, tags, begun, times)

    async def note_passed(self, request: Request, reason: str, begun: Stamp | None, token: str | None) -> None:
        """For those who come next, here and elsewhere; what is stored already stays."""
        key, now = request.key, self.clock()
        if await self.shelf.found(key) is None:
            times = Times(now, now, now, now + PASSED_FOR)
            await self.shelf.keep(key, Passed(reason), [key], begun, times, token)
        if token is not None:
            await self.shelf.release(key, token)

    async def freshen(self, request: Request, old: Page, fields: Fields, fetch: Fetch) -> None:
        """What a HEAD has said about the page that we have."""
        whole = Whole(request, old.status, fields, old.body)
        page, times = made(whole, fetch.asked_at, fetch.came_at, self.clock(), Collected(), self.profile)
        tags = fetch.old.header.tags if fetch.old is not None else ()
        await self.keep(request, page, tags, fetch.begun, times, None)

    # --- calls of the application ----------------------------------------------------------------------------

    @property
    def flights(self) -> dict[str, Fetch]:
        """Of this event loop, by URL."""
        return self.by_loop.setdefault(asyncio.get_running_loop(), {})

    def is_making(self, key: str) -> bool:
        """Whether that URL is being made, in this event loop."""
        flights = self.by_loop.get(asyncio.get_running_loop())
        return flights is not None and key in flights

    def fly(self, fetch: Fetch) -> "asyncio.Task[None]":
        if fetch.is_shared:
            self.flights[fetch.key] = fetch
        return self.begin(fetch.run())

    def landed(self, fetch: Fetch) -> None:
        flights = self.flights
        if flights.get(fetch.key) is fetch:
            del flights[fetch.key]
        if not flights:
            self.by_loop.pop(asyncio.get_running_loop(), None)

    def refresh(self, request: Request, found: Found) -> None:
        """Behind the reader, one at a time, and not right after one that failed."""
        key = request.key
        if key not in self.flights and not self.engine.pauses.is_on(key):
            self.fly(Fetch(self, request.as_plain_get(), "stale", old=found.held, client=None, shared=True))

    def begin(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        return self.engine.state().begin(work)

    def outward(self, fields: Fields, told: Told) -> list[Field]:
        """Of what is passed on, or goes out before all of it is known."""
        return [*of_anything_else(fields, self.profile).pairs, (b"cache-status", told.field(self.profile.name))]
