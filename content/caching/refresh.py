"""Loading again what is stale or about to be, with no reader waiting (I4).

A stale read puts its key on the due set, from which workers take it. Where no worker is, or none stores anything
newer in time, the reader's own process loads it: readers never depend on a worker being alive.
"""

import asyncio
import logging
import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from content.caching.declarations import resources
from content.caching.entry import NOWHERE, CachedValue, Header, Verdict
from content.caching.key import EntryKey
from content.caching.loop_state import LoopState
from content.caching.metrics.events import emit
from content.caching.refresh_queue import RefreshQueue, RefreshRequest
from content.caching.singleflight import Call
from content.caching.stores.shared import lease_and_look

if TYPE_CHECKING:
    from content.caching.engine import Engine

logger = logging.getLogger("content.caching")

# Seconds between looks at what a worker may have stored; when they are over, the reader's process takes its turn.
WORKER_CHECKS = (0.03, 0.07, 0.15, 0.25, 0.5)
BATCH = 64
MAX_BATCHES = 4
# Seconds that a worker waits for work before it says again that it is there; well below a connection's timeout.
WAIT = 0.4
MAX_DELAY = 1.0


class Refresher:
    def __init__(self, engine: "Engine", queue: RefreshQueue | None) -> None:
        self.engine = engine
        self.queue = queue

    # --- the reader's side --------------------------------------------------------------------------

    def schedule(self, entry_key: EntryKey, seen: Header, reason: str) -> None:
        """One at a time a key in this process, and not right after one that failed."""
        state = self.engine.loop_state()
        if entry_key.key in state.refreshes or self.engine.backoff.is_delayed(entry_key.key):
            return
        task = state.begin(self._refresh_in_background(state, entry_key, seen, reason))
        state.refreshes[entry_key.key] = task
        task.add_done_callback(lambda done: state.refreshes.pop(entry_key.key, None))

    async def _refresh_in_background(self, state: LoopState, entry_key: EntryKey, seen: Header, reason: str) -> None:
        if await self._has_newer(entry_key, seen) or await self._wait_for_worker(entry_key, seen):
            return
        await self._refresh_here(state, entry_key, seen, reason)

    async def _wait_for_worker(self, entry_key: EntryKey, seen: Header) -> bool:
        if self.queue is None or resources.get(entry_key.owner.name) is None:
            return False
        stamp = await self.engine.ordering.begin()
        request = RefreshRequest(
            entry_key.owner.name, entry_key.parameters, seen.made_at, stamp.position if stamp else NOWHERE
        )
        if not await self.queue.add(request):
            return False
        for delay in WORKER_CHECKS:
            await asyncio.sleep(delay)
            if await self._has_newer(entry_key, seen):
                return True
        emit("late", entry_key.owner.name, entry_key.key)
        return False

    async def _has_newer(self, entry_key: EntryKey, seen: Header) -> bool:
        """Whether somebody has stored a newer one; this process then has it too."""
        answer = (await self.engine.lookup_shared([entry_key], again=True)).get(entry_key.key)
        return answer is not None and self._is_newer(entry_key, answer, seen)

    def _is_newer(self, entry_key: EntryKey, answer: CachedValue, seen: Header) -> bool:
        if answer.verdict is not Verdict.VALID or answer.header.made_at <= seen.made_at:
            return False
        return self.engine.accept(Call(entry_key, asyncio.get_running_loop()), answer, again=True)

    async def _refresh_here(self, state: LoopState, entry_key: EntryKey, seen: Header, reason: str) -> None:
        """Under the lease, and unless somebody was quicker."""
        engine, token = self.engine, secrets.token_hex(8)
        got, answers = await lease_and_look(
            engine.shared, [entry_key.key], token, engine.lease, lambda: engine.lookup_shared([entry_key], again=True)
        )
        answer = answers.get(entry_key.key)
        if answer is not None and self._is_newer(entry_key, answer, seen):
            if got:
                await engine.shared.release(entry_key.key, token)
        elif got:
            emit("refresh", entry_key.owner.name, entry_key.key, reason=reason)
            await engine.loader.run(state, [self.new_call(state, entry_key, answer)], token)

    def new_call(self, state: LoopState, entry_key: EntryKey, answer: CachedValue | None) -> Call:
        """With what is held: a loader may find it still right, and it stays if that fails."""
        call = Call(entry_key, state.loop)
        call.fallback = answer if answer is not None and self.engine.may_serve_on_error(answer) else None
        return call

    # --- the worker's side --------------------------------------------------------------------------

    async def work(self) -> None:
        """Until cancelled: take what is due, and wait where nothing is. Several workers share the set."""
        if self.queue is None:
            return
        slots, delay = asyncio.Semaphore(MAX_BATCHES), 0.1
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    await slots.acquire()
                    batch = await self.queue.take(BATCH)
                    if not batch:
                        slots.release()
                        await self.queue.wait(WAIT)
                        delay = 0.1
                        continue
                except (RedisError, OSError) as error:
                    slots.release()
                    logger.info("the due set does not answer: %s", error)
                    await asyncio.sleep(delay)
                    delay = min(delay * 2, MAX_DELAY)
                    continue
                group.create_task(self._refresh_or_log(batch)).add_done_callback(lambda done: slots.release())

    async def _refresh_or_log(self, batch: Iterable[RefreshRequest]) -> None:
        """What goes wrong with one batch must not end the work on the next."""
        try:
            await self.refresh_batch(batch)
        except Exception:
            logger.exception("what was due could not be refreshed")

    async def drain(self) -> int:
        """What is due now, batch after batch; how many keys were loaded. Raises RedisError or OSError."""
        loaded = 0
        while self.queue is not None and (batch := await self.queue.take(BATCH)):
            loaded += await self.refresh_batch(batch)
        return loaded

    async def refresh_batch(self, batch: Iterable[RefreshRequest]) -> int:
        """Load again those of which nothing newer is stored: one round of leases, one lookup, one load_many."""
        engine, token = self.engine, secrets.token_hex(8)
        seen_at = {
            entry_key.key: (entry_key, request)
            for request in batch
            if (entry_key := entry_key_of(request)) is not None
        }
        if not seen_at:
            return 0
        await engine.ordering.catch_up_to(max(request.position for _, request in seen_at.values()))
        entry_keys = [entry_key for entry_key, _ in seen_at.values()]
        got, answers = await lease_and_look(
            engine.shared, list(seen_at), token, engine.lease, lambda: engine.lookup_shared(entry_keys, again=True)
        )
        mine = []
        for entry_key, request in (seen_at[key] for key in got):
            if _is_done(answers.get(entry_key.key), request):
                await engine.shared.release(entry_key.key, token)
            else:
                mine.append(entry_key)
        if mine:
            state = engine.loop_state()
            for entry_key in mine:
                emit("refresh", entry_key.owner.name, entry_key.key, reason="due")
            await engine.loader.run(
                state, [self.new_call(state, entry_key, answers.get(entry_key.key)) for entry_key in mine], token
            )
        return len(mine)


def entry_key_of(request: RefreshRequest) -> EntryKey | None:
    """None for a resource that this process does not know, and for parameters that it does not take."""
    resource: Any = resources.get(request.resource)
    if resource is None:
        return None
    try:
        return resource.entry_key(request.parameters, {})  # type: ignore[no-any-return]
    except TypeError:
        return None


def _is_done(answer: CachedValue | None, request: RefreshRequest) -> bool:
    return answer is not None and answer.verdict is Verdict.VALID and answer.header.made_at > request.seen_at
