"""Calls of the application that run now, so that requests for one URL share one call.

The engine's singleflight shares values; here the followers wait for the first message of a response, and the first
request may get a stream. So the fetches have a register of their own.
"""

import asyncio
import time

from ..metrics.process_counts import process_counts
from .asgi import Client
from .handover import Handover
from .incoming_response import Outcome
from .origin import Origin
from .origin_fetch import OriginFetch
from .page_store import Lookup
from .request import Request


class InFlight:
    """The running fetches of each event loop, by URL."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._by_loop: dict[asyncio.AbstractEventLoop, dict[str, OriginFetch]] = {}

    def get(self, key: str) -> OriginFetch | None:
        """The fetch that requests for that URL may share."""
        return self._by_loop.get(asyncio.get_running_loop(), {}).get(key)

    def is_fetching(self, key: str) -> bool:
        fetches = self._by_loop.get(asyncio.get_running_loop())
        return fetches is not None and key in fetches

    def new(self, request: Request, lookup: Lookup, client: Client | None, *, shared: bool) -> OriginFetch:
        return OriginFetch(self._origin, request, lookup.forwarded, old=lookup.stored, client=client, shared=shared)

    def start(self, fetch: OriginFetch) -> "asyncio.Task[None]":
        """Run it in a task that no request owns (I11)."""
        if fetch.is_shared:
            self._by_loop.setdefault(asyncio.get_running_loop(), {})[fetch.key] = fetch
        return self._origin.start_task(self._run(fetch))

    async def _run(self, fetch: OriginFetch) -> None:
        try:
            await fetch.run()
        finally:
            self._end(fetch)

    def _end(self, fetch: OriginFetch) -> None:
        loop = asyncio.get_running_loop()
        fetches = self._by_loop.get(loop, {})
        if fetches.get(fetch.key) is fetch:
            del fetches[fetch.key]
        if not fetches:
            self._by_loop.pop(loop, None)

    def refresh(self, request: Request, lookup: Lookup) -> None:
        """Refresh in the background: one fetch a key, and with backoff after a failure."""
        key = request.key
        if not self.is_fetching(key) and not self._origin.engine.backoff.is_delayed(key):
            self.start(self.new_refresh(request, lookup, hands_over=True))

    def new_refresh(self, request: Request, lookup: Lookup, *, hands_over: bool = False) -> OriginFetch:
        """A fetch of the whole page for later requests, without a client. `hands_over`: a worker makes it, if one is
        there.
        """
        origin, plain, old = self._origin, request.as_plain_get(), lookup.stored
        handover = Handover(origin, plain, old) if hands_over and old is not None else None
        return OriginFetch(origin, plain, "stale", old=old, client=None, shared=True, handover=handover)


async def wait_for_outcome(fetch: OriginFetch) -> Outcome:
    """Wait as a reader who has joined a fetch, without owning it: cancelling the wait does not cancel the fetch."""
    began = time.perf_counter()
    await asyncio.wait({fetch.outcome})
    process_counts.count_wait(time.perf_counter() - began)
    return fetch.outcome.result()
