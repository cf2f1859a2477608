"""Load again what is stale or about to be, with no reader waiting (I4).

A stale read puts its key on the refresh queue, from which workers take it. Adding is cheap and idempotent: a key has
one member, however many processes add it. Without a worker, or if none stores a newer value in time, the reader's own
process loads it: readers never depend on a worker.
"""

import asyncio
import logging
from collections.abc import Iterable

from .declarations import resources
from .entry import NOWHERE, CachedValue, Header
from .key import EntryKey
from .lasting_loop import call_soon, lasting_loop
from .loader import Loader
from .metrics.events import emit
from .refresh_queue import RefreshQueue, RefreshRequest, serve_queue
from .singleflight import LoopState, LoopStates
from .tiers import NOTHING, Tiers
from .tracing import CONSUMER, begin_trace, note, with_span

logger = logging.getLogger("content.caching")

# Seconds between looks at what a worker may have stored. After the last one the reader's process loads.
WORKER_CHECKS = (0.03, 0.07, 0.15, 0.25, 0.5)
BATCH = 64
MAX_BATCHES = 4


class Refresher:
    def __init__(self, tiers: Tiers, loader: Loader, loops: LoopStates, queue: RefreshQueue | None) -> None:
        self.tiers = tiers
        self.loader = loader
        self.loops = loops
        self.queue = queue

    # --- the reader's side --------------------------------------------------------------------------

    def schedule(self, entry_key: EntryKey, seen: Header, reason: str) -> None:
        """One refresh of a key at a time in a loop, and none while its loads are delayed.

        A reader without a loop hands it to the lasting loop.
        """
        if asyncio._get_running_loop() is None:
            state = self.loops.states.get(lasting_loop())
            if not (self.tiers.backoff.is_delayed(entry_key.key) or (state and entry_key.key in state.refreshes)):
                entry_key.owner.prepare()
                call_soon(self.schedule, entry_key, seen, reason)
            return
        state = self.loops.current()
        if entry_key.key in state.refreshes or self.tiers.backoff.is_delayed(entry_key.key):
            return
        task = state.begin(self._refresh_in_background(state, entry_key, seen, reason))
        state.refreshes[entry_key.key] = task
        task.add_done_callback(lambda done: state.refreshes.pop(entry_key.key, None))

    @with_span("refresh")
    async def _refresh_in_background(self, state: LoopState, entry_key: EntryKey, seen: Header, reason: str) -> None:
        if await self._has_newer(entry_key, seen) or await self._wait_for_worker(entry_key, seen):
            return
        await self._refresh_here(state, entry_key, seen, reason)

    async def _wait_for_worker(self, entry_key: EntryKey, seen: Header) -> bool:
        """Whether a worker has stored a newer value."""
        owner = entry_key.owner
        name = owner.name
        if self.queue is None or name not in resources:
            return False
        stamp = await self.tiers.ordering.begin()
        position = stamp.position if stamp else NOWHERE
        if not await self.queue.add(RefreshRequest(name, owner.schema, entry_key.parameters, seen.made_at, position)):
            return False
        for delay in WORKER_CHECKS:
            await asyncio.sleep(delay)
            if await self._has_newer(entry_key, seen):
                return True
        emit("late", name, entry_key.key)
        return False

    async def _has_newer(self, entry_key: EntryKey, seen: Header) -> bool:
        """Whether a newer value is stored. If so, memory has it as well now."""
        value = (await self.tiers.lookup([entry_key], again=True)).get(entry_key.key)
        return value is not None and self._is_newer(entry_key, value, seen)

    def _is_newer(self, entry_key: EntryKey, value: CachedValue, seen: Header) -> bool:
        return value.is_newer_than(seen.made_at) and self.tiers.accept(entry_key, value, again=True) is not NOTHING

    async def _refresh_here(self, state: LoopState, entry_key: EntryKey, seen: Header, reason: str) -> None:
        """Load one entry under its lease, unless another process was quicker.

        A batch of one would cost a seventh more.
        """
        lease = self.loader.new_lease(has_reader=False)
        ours, found = await lease.acquire([entry_key.key], lambda: self.tiers.lookup([entry_key], again=True))
        value = found.get(entry_key.key)
        if value is not None and self._is_newer(entry_key, value, seen):
            await lease.release(ours)
        elif ours:
            emit("refresh", entry_key.owner.name, entry_key.key, reason=reason)
            await self.loader.run(state, [self.loader.new_call(state, entry_key, value)], lease)

    # --- the worker's side --------------------------------------------------------------------------

    async def work(self) -> None:
        """Refresh what is on the queue, until cancelled. Several workers share one queue."""
        if self.queue is not None:
            await serve_queue(self.queue, self._refresh_or_log, most=BATCH, at_once=MAX_BATCHES)

    async def _refresh_or_log(self, batch: Iterable[RefreshRequest]) -> None:
        """An error in one batch must not end the work on the next."""
        try:
            await self.refresh_batch(batch)
        except Exception:
            logger.exception("Stale entries could not be refreshed. They are served as stale until their time is up.")

    async def drain(self) -> int:
        """Refresh what is on the queue now. How many keys were loaded. Raises RedisError or OSError."""
        loaded = 0
        while self.queue is not None and (batch := await self.queue.take(BATCH)):
            loaded += await self.refresh_batch(batch)
        return loaded

    async def refresh_batch(self, batch: Iterable[RefreshRequest]) -> int:
        """Load the keys of which nothing newer is stored: one round of leases, one lookup, one load_many."""
        requests = {key.key: (key, request) for request in batch if (key := entry_key_of(request)) is not None}
        if not requests:
            return 0
        asked_by = [request.traceparent for _, request in requests.values() if request.traceparent]
        with begin_trace("refresh batch", CONSUMER, asked_by):
            note("evergreen.keys", len(requests))
            return await self._load_requests(requests)

    async def _load_requests(self, requests: dict[str, tuple[EntryKey, RefreshRequest]]) -> int:
        await self.tiers.ordering.catch_up_to(max(request.position for _, request in requests.values()))

        def is_done(entry_key: EntryKey, value: CachedValue) -> bool:
            return value.is_newer_than(requests[entry_key.key][1].seen_at)

        keys = [entry_key for entry_key, _ in requests.values()]
        return len(await self.loader.load_batch(self.loops.current(), keys, is_done, reason="due"))


def entry_key_of(request: RefreshRequest) -> EntryKey | None:
    """None for a resource or a schema that this process does not know, and for parameters that it does not take."""
    resource = resources.get(request.resource)
    if resource is None or resource.schema != request.schema:
        return None
    try:
        return resource.entry_key(request.parameters, {})
    except TypeError:
        return None
