"""The engine of one cache alias: a facade over tiers, single-flight, lease, loader and refresher.

The order of steps is what makes a read right; docs/protocol.md says what goes wrong in any other.

1. Memory, judged by the ordering: a fresh value is returned, a stale one too and refreshed in the background.
2. A call of this process for the same key is joined, if its load began late enough for this reader.
3. The shared tier: one lookup for all keys that are missing in this turn of the event loop (`SharedLookup`).
4. A lease for each key that is left. Its holder looks again, for the last holder may have stored; then it notes the
   position, and loads. The others wait for what the holder stores, or for the lease.
5. The loaded value is stored with that position, if no invalidation overtook it and the lease is still its own.
"""

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .dependencies import Dependencies
from .entry import CachedValue, Verdict
from .heat import Heat
from .key import EntryKey, check_tags
from .loader import LEASE, Loader
from .metrics.events import emit, listeners, notify, subscribers
from .ordering.ordering import Ordering
from .ordering.tag_index import Kind
from .read_counts import reads
from .refresh import Refresher
from .refresh_queue import RefreshQueue
from .result_store import LoadRecord
from .shared_lookup import SharedLookup
from .singleflight import Call, LoopState, LoopStates, current_run, emit_joined, emit_outcome
from .stores.memory import MAX_HITS, MemoryTier
from .stores.shared import SharedTier
from .sync import SyncEngine
from .tiers import Tiers
from .tracing import current_span, trace_wait
from .warmer import Warmer, WarmResult

VALID = Verdict.VALID


class Engine:
    def __init__(
        self,
        shared: SharedTier,
        ordering: Ordering,
        memory: MemoryTier[CachedValue] | None,
        *,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
        lease: float = LEASE,
        refresh_queue: RefreshQueue | None = None,
        page_queue: RefreshQueue | None = None,
        heat: Heat | None = None,
    ) -> None:
        self.tiers = Tiers(shared, ordering, memory, clock=clock, chance=chance)
        self.shared = shared
        self.ordering = ordering
        # It counts the reads of all processes. None without a Redis, or if OPTIONS["HEAT"] is 0.
        self.heat = heat
        self.backoff = self.tiers.backoff
        self.loops = LoopStates()
        self.loader = Loader(self.tiers, lease)
        self.refresher = Refresher(self.tiers, self.loader, self.loops, refresh_queue)
        self.shared_lookup = SharedLookup(self.tiers, self.loader, self.refresher)
        self.page_queue = page_queue
        self.warmer = Warmer(self.tiers, self.loader, self.loops)
        self._sync: SyncEngine | None = None
        self._lock = threading.Lock()

    @property
    def sync(self) -> SyncEngine:
        """The engine for threads without an event loop. It is made on first use."""
        if self._sync is None:
            with self._lock:
                if self._sync is None:
                    self._sync = SyncEngine(self.tiers, self.loader, self.refresher, self.loops, self.find)
        return self._sync

    @property
    def clock(self) -> Callable[[], float]:
        return self.tiers.clock

    @clock.setter
    def clock(self, clock: Callable[[], float]) -> None:
        self.tiers.clock = clock

    @property
    def memory(self) -> MemoryTier[CachedValue] | None:
        return self.tiers.memory

    @memory.setter
    def memory(self, memory: MemoryTier[CachedValue] | None) -> None:
        self.tiers.memory = memory

    def loop_state(self) -> LoopState:
        return self.loops.current()

    # --- 1: memory ----------------------------------------------------------------------------------

    def lookup_fresh(self, entry_key: EntryKey) -> CachedValue | None:
        """A fresh value that memory has and nobody need refresh: the commonest case of lookup_memory."""
        tiers, key = self.tiers, entry_key.key
        memory = tiers.memory
        if memory is None or (node := memory.nodes.get(key)) is None:
            return None
        held, tag_index = node.value, tiers.tag_index
        # This is the commonest case of Tiers.peek and Tiers.judge, in as few steps as possible.
        if (
            held.version == tag_index.version
            and held.verdict is VALID
            and held.header.there
            and tiers.clock() < held.no_refresh_before
            and tag_index.clock() < tag_index.heard_until
        ):
            if node.hits < MAX_HITS:
                node.hits += 1
            entry_key.owner.counters.memory_hits += 1
            held.reads += 1
            if subscribers or listeners.get():
                notify("hit", entry_key.owner.name, key, tier="memory")
            return held
        return None

    def lookup_memory(self, entry_key: EntryKey) -> CachedValue | None:
        """The value that may be served from memory now. No I/O, and nothing to wait for."""
        fresh = self.lookup_fresh(entry_key)
        if fresh is not None:
            return fresh
        tiers = self.tiers
        held = tiers.peek(entry_key.key)
        if held is None:
            return None
        value, outcome, refresh = tiers.judge(entry_key.owner.policy, held)
        if value is None:
            return None
        # A stale read counts by name: one of the value itself is from before its end.
        if outcome == "stale":
            reads.add_found(entry_key, held)
        else:
            held.reads += 1
        if refresh:
            self.refresher.schedule(entry_key, held.header, refresh)
        reason = tiers.stale_reason(held) if outcome == "stale" else ""
        emit(outcome, entry_key.owner.name, entry_key.key, tier="memory", reason=reason)
        return value

    # --- 2: single-flight ---------------------------------------------------------------------------

    async def find(self, keys: Sequence[EntryKey]) -> dict[str, CachedValue]:
        """A value for each key. Raises the error that the load of one ended with."""
        state, found = self.loops.current(), dict[str, CachedValue]()
        calls, started = dict[str, Call](), list[Call]()
        for entry_key in keys:
            value = self.lookup_memory(entry_key)
            if value is not None:
                found[entry_key.key] = value
                continue
            calls[entry_key.key], is_new = self._join_or_start(state, entry_key)
            if is_new:
                started.append(calls[entry_key.key])
        if started:
            self.shared_lookup.begin_soon(state, started)
        try:
            for key, call in calls.items():
                is_joined = current_span.get() is not None and call not in started
                found[key] = await (trace_wait(self._wait(call), call) if is_joined else self._wait(call))
        finally:
            for call in started:
                emit_outcome(call)
        return found

    async def find_one(self, entry_key: EntryKey) -> CachedValue:
        """Like `find`, for one key that memory does not have."""
        state = self.loops.current()
        call, is_new = self._join_or_start(state, entry_key)
        if is_new:
            self.shared_lookup.begin_soon(state, (call,))
        is_plain = entry_key.owner.policy.soft_timeout is None and current_run.get() is None
        try:
            if not is_new and current_span.get() is not None:
                return await trace_wait(self._wait(call), call)
            return await (call.new_waiter() if is_plain else self._wait(call))
        finally:
            if is_new:
                emit_outcome(call)

    def _join_or_start(self, state: LoopState, entry_key: EntryKey) -> tuple[Call, bool]:
        """The call for that key, and whether it is new."""
        call = state.calls.join(entry_key.key, self.ordering.covers)
        if call is not None:
            emit_joined(call)
            return call, False
        call = Call(entry_key, state.loop, state.calls.remove)
        state.calls.start(call)
        return call, True

    async def _wait(self, call: Call) -> CachedValue:
        """Wait for the call's value.

        After the soft timeout of its policy return the last good value, if there is one.
        """
        owner, run = call.entry_key.owner, current_run.get()
        if run is not None and self._sync is not None:
            self._sync.refuse_recursion([call], run)
        if owner.policy.soft_timeout is None:
            return await call.wait()
        waiting = asyncio.ensure_future(call.wait())
        try:
            await asyncio.wait([waiting], timeout=owner.policy.soft_timeout.total_seconds())
            fallback = None if waiting.done() else self.tiers.find_fallback(call.key, call.fallback)
            if fallback is None:
                return await waiting
        finally:
            waiting.cancel()
        emit("slow", owner.name, call.key)
        return fallback.as_stale()

    # --- by hand --------------------------------------------------------------------------------------

    async def refresh(self, entry_key: EntryKey) -> CachedValue:
        """Load now, whatever is stored."""
        return await self.loader.reload(self.loops.current(), entry_key)

    async def warm(self, keys: Iterable[EntryKey], margin: float) -> dict[str, WarmResult]:
        """Load those of the keys that stay fresh for less than `margin` seconds, as one batch. Results by key, read
        back.
        """
        return await self.warmer.warm(keys, margin)

    async def store(self, entry_key: EntryKey, result: Any) -> None:
        """Store a result as if a load that began now had returned it."""
        begun = await self.ordering.begin()
        await self.loader.results.store(entry_key, result, LoadRecord(begun, Dependencies(), self.clock(), 0.0), None)

    async def fresh_for(self, entry_key: EntryKey) -> float:
        """Seconds for which the stored entry is still fresh, 0 if there is none."""
        value = (await self.tiers.lookup([entry_key])).get(entry_key.key)
        if value is None or value.verdict is not VALID or not self.ordering.is_heard:
            return 0.0
        return max(0.0, value.header.fresh_until - self.clock())

    async def append(self, kind: Kind, tags: Iterable[str], nonce: str | None = None) -> None:
        tags = check_tags(tags)
        if tags:
            await self.ordering.append(kind, tags, nonce)

    def append_sync(self, kind: Kind, tags: Iterable[str], nonce: str | None = None) -> None:
        tags = check_tags(tags)
        if tags:
            self.ordering.append_sync(kind, tags, nonce)
