"""EdgeCache: a shared HTTP cache (RFC 9111) in front of an ASGI application, inside the server's process."""

import asyncio

from .. import tracing
from ..declarations import edge_caches
from ..engine import Engine
from ..entry import Verdict
from .asgi import Application, Client, Message, Receive, Send
from .exchange import Exchange
from .fast_path import FastPath, Served, send_hit
from .in_flight import InFlight
from .normalization import normalize
from .origin import Origin
from .page import Page
from .page_store import PageStore, store_key
from .profile import SHARED_CACHE, Profile
from .request import Request
from .request_span import trace_request
from .rules.variants import HOST

_MEMORY = 64 * 1024 * 1024


class EdgeCache:
    """A shared HTTP cache as ASGI middleware.

    - `cache`: alias of the engine whose tiers, leases, tags and log are used. Without it: memory only, `memory`
      bytes.
    - `served`: called with each page sent for a GET, hit or miss, except for prefetches.

    Passes lifespan and WebSocket scopes through.
    """

    def __init__(
        self,
        app: Application,
        *,
        cache: str | None = None,
        profile: Profile = SHARED_CACHE,
        memory: int = _MEMORY,
        served: Served | None = None,
    ) -> None:
        edge_caches.add(cache)
        self.app = app
        self.profile = profile
        self.origin = Origin(app, profile, cache, memory)
        self.in_flight = InFlight(self.origin)
        self.fast_path = FastPath(self.origin, self.in_flight, served)

    @property
    def engine(self) -> Engine:
        return self.origin.engine

    @property
    def page_store(self) -> PageStore:
        return self.origin.page_store

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        hit = self.fast_path.lookup_scope(scope)
        if hit is not None:
            await send_hit(hit, scope["method"], send)
        elif tracing.tracer is None:
            await self._respond(scope, receive, send)
        else:
            await trace_request(self._respond, self.profile.name, scope, receive, send)

    async def _respond(self, scope: Message, receive: Receive, send: Send) -> None:
        """Respond to a request that is no plain hit."""
        request, client = Request(scope), Client(receive, send)
        exchange = Exchange(self.origin, self.in_flight, self.fast_path, request, client)
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

    # --- warming -------------------------------------------------------------------------------------------

    async def fresh_for(self, scope: Message) -> float:
        """Seconds for which every process finds the page fresh; 0 if it does not."""
        page_store = self.page_store
        stored = (await page_store.lookup_page(normalize(Request(scope), self.profile), again=True)).stored
        if stored is None or not isinstance(stored.value, Page) or stored.verdict is not Verdict.VALID:
            return 0.0
        return max(0.0, stored.value.fresh_until - self.origin.clock()) if page_store.is_heard else 0.0

    async def make_again(self, request: Request, seen_at: float) -> bool:
        """Make a page again, unless a page newer than `seen_at` (Unix seconds) is stored and valid by now.

        False if nothing was stored, since a part of it is being loaded again. Raises the application's errors.
        """
        lookup = await self.page_store.lookup_page(request, again=True)
        stored = lookup.stored
        if stored is not None and stored.verdict is Verdict.VALID and stored.header.made_at > seen_at:
            return True
        fetch = self.in_flight.new_refresh(request, lookup)
        # Requests may have joined the fetch: it outlives a caller that is cancelled (I11).
        await asyncio.shield(self.in_flight.start(fetch))
        outcome = fetch.outcome.result()
        if outcome.error is not None:
            raise outcome.error
        return outcome.page is None or outcome.stored

    async def make(self, scope: Message) -> int:
        """Make and store the page anew, with quick codings. Returns its status, or 0 if another process is making it.

        Raises the application's errors.
        """
        request = normalize(Request(scope), self.profile)
        fetch = self.in_flight.new_refresh(request, await self.page_store.lookup_page(request, again=True))
        # Requests may have joined the fetch: it outlives a caller that is cancelled (I11).
        await asyncio.shield(self.in_flight.start(fetch))
        outcome = fetch.outcome.result()
        if outcome.error is not None:
            raise outcome.error
        if outcome.page is None:
            return fetch.response.status
        await self.origin.codings.wait_for(store_key(request, outcome.page), outcome.page)
        return outcome.page.status
