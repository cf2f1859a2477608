"""Reads of one cache alias, through its tiers: memory, shared, lease, loader.

The order in which it happens is what makes it right; docs/protocol.md says what goes wrong in any other.

1. Memory, judged by the ordering: fresh is answered, stale is answered and refreshed behind the reader.
2. A flight of this process for the same key is joined, if its load began late enough to be true for this reader.
3. The shared tier, all missing keys in one lookup.
4. A lease for each key that is left (this step and the next: loads.py). Who has it looks again (its last holder may
   have stored), notes the position, then loads; who has it not waits for what the holder stores, or for the lease.
5. What was loaded is sealed with the noted position, and stored only if the lease is still held.
"""

import asyncio
import contextvars
import random
import secrets
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from content.caching.backends.event_loop import call_at_loop_end
from content.caching.backoff import Backoff
from content.caching.dependencies import Dependencies
from content.caching.entry import CachedValue, Entry, Header, Unreadable, Verdict, unpack
from content.caching.errors import LoadTimeout
from content.caching.key import EntryKey
from content.caching.loader import FIRST_DELAY, MAX_DELAY, Loader, LoadRecord
from content.caching.loop_state import LookupBatch, LoopState
from content.caching.metrics.events import emit, listeners, measure, notify, subscribers
from content.caching.ordering.ordering import Ordering
from content.caching.ordering.tag_index import Kind
from content.caching.policy import Policy
from content.caching.refresh import Refresher
from content.caching.refresh_queue import RefreshQueue
from content.caching.singleflight import Call, current_run
from content.caching.stores.memory import MemoryTier
from content.caching.stores.shared import SharedTier

# A holder that dies is replaced after this long; one that lives renews three times in it.
LEASE = 6.0
# Further than this many times the cost of a load before its end, an entry is never refreshed early.
EARLY_REACH = 15.0
# Read so often in this process since it was stored, an entry is hot: it is refreshed ahead of its end.
HOT = 10

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
    ) -> None:
        self.shared = shared
        self.ordering = ordering
        self.memory = memory if ordering.is_local else None
        self.clock = clock
        self.chance = chance
        self.lease = lease
        self.loader = Loader(self)
        self.refresher = Refresher(self, refresh_queue)
        self.states: dict[asyncio.AbstractEventLoop, LoopState] = {}
        self.latest: LoopState | None = None
        self.backoff = Backoff(lambda: self.clock())

    # --- 1: memory ----------------------------------------------------------------------------------

    def peek_memory(self, key: str) -> CachedValue | None:
        """What memory has there, whatever its times, judged by all that this process has heard of the order."""
        if self.memory is None or (held := self.memory.get(key)) is None:
            return None
        version = self.ordering.version
        if held.version != version:
            held.verdict, held.version = self.ordering.judge_now(held.header), version
        return held

    def lookup_memory(self, entry_key: EntryKey) -> CachedValue | None:
        """From memory, what may be served now; None sends the reader on. No I/O, nothing to wait for."""
        held = self.peek_memory(entry_key.key)
        if held is None:
            return None
        header, now = held.header, self.clock()
        # The commonest case of all, in as few steps as it takes; `servable` says it in full.
        if held.verdict is VALID and header.there and now < held.no_refresh_before and self.ordering.is_heard:
            entry_key.owner.counters.memory_hits += 1
            held.reads += 1
            if subscribers or listeners.get():
                notify("hit", entry_key.owner.name, entry_key.key, tier="memory")
            return held
        served, outcome = self.judge(entry_key, held)
        if served is not None:
            emit(outcome, entry_key.owner.name, entry_key.key, tier="memory", reason=self.stale_reason(outcome, held))
        return served

    def judge(self, entry_key: EntryKey, answer: CachedValue) -> tuple[CachedValue | None, str]:
        """What of it a reader may get now, and what that is: hit, negative or stale."""
        header, now = answer.header, self.clock()
        if answer.verdict is Verdict.VALID and now < header.fresh_until and self.ordering.is_heard:
            answer.reads += 1
            if now >= answer.no_refresh_before and self.should_refresh_early(entry_key, answer, now):
                self.refresher.schedule(entry_key, header, "ahead of its end")
            return answer, "hit" if header.there else "negative"
        if answer.verdict is not Verdict.INVALID and now < header.stale_until:
            self.refresher.schedule(entry_key, header, "stale")
            return answer.as_stale(), "stale"
        return None, ""

    def update_verdict(self, answer: CachedValue) -> None:
        """A verdict from before an await is one from before an invalidation: readers may have come since."""
        if self.ordering.is_local:
            answer.verdict = self.ordering.judge_now(answer.header)

    def stale_reason(self, outcome: str, answer: CachedValue) -> str:
        if outcome != "stale":
            return ""
        if answer.verdict is Verdict.EXPIRED:
            return "expired"
        return "its time is up" if self.clock() >= answer.header.fresh_until else "the log is silent"

    def should_refresh_early(self, entry_key: EntryKey, answer: CachedValue, now: float) -> bool:
        """Early, by the cost of its load; ahead, where it is read a lot."""
        policy, header = entry_key.owner.policy, answer.header
        if answer.reads < HOT and header.fresh_until - now >= header.cost * policy.early * EARLY_REACH:
            return False
        if policy.should_refresh_early(now, header.fresh_until, header.cost, 1 - self.chance()):
            return True
        return answer.reads >= HOT and now >= _refresh_ahead_from(policy, header)

    def may_serve_on_error(self, answer: CachedValue) -> bool:
        self.update_verdict(answer)
        return answer.verdict is not Verdict.INVALID and self.clock() < answer.header.error_until

    # --- 2: flights ---------------------------------------------------------------------------------

    async def find(self, entry_keys: Sequence[EntryKey]) -> dict[str, CachedValue]:
        """An answer for each key, or the error that its load ended with."""
        state, found, calls, fresh = self.loop_state(), {}, {}, []
        for entry_key in entry_keys:
            answer = self.lookup_memory(entry_key)
            if answer is not None:
                found[entry_key.key] = answer
                continue
            calls[entry_key.key], is_new = self.join_or_start(state, entry_key)
            if is_new:
                fresh.append(calls[entry_key.key])
        if fresh:
            self.start(state, fresh)
        try:
            for entry_key in entry_keys:
                if entry_key.key in calls:
                    found[entry_key.key] = await self.wait_for(calls[entry_key.key])
        finally:
            for call in fresh:
                self.emit_outcome(call)
        return found

    async def find_one(self, entry_key: EntryKey) -> CachedValue:
        """As find, for what was looked for in memory already."""
        state = self.loop_state()
        call, is_new = self.join_or_start(state, entry_key)
        if is_new:
            self.start(state, (call,))
        is_plain = entry_key.owner.policy.soft_timeout is None and current_run.get() is None
        try:
            return await (call.new_waiter() if is_plain else self.wait_for(call))
        finally:
            if is_new:
                self.emit_outcome(call)

    def join_or_start(self, state: LoopState, entry_key: EntryKey) -> tuple[Call, bool]:
        """The flight for that key, and whether it is new. A load that began before what this reader must see is not
        for this reader (rule 16)."""
        call = state.calls.get(entry_key.key)
        if call is not None and (call.stamp is None or self.ordering.covers(call.stamp)):
            emit("joined", entry_key.owner.name, entry_key.key)
            return call, False
        call = state.calls[entry_key.key] = Call(entry_key, state.loop, state.remove_call)
        return call, True

    def emit_outcome(self, call: Call) -> None:
        """In the context of the reader for whom it took off."""
        if call.outcome is None:
            emit("miss", call.entry_key.owner.name, call.key)
        else:
            emit(call.outcome, call.entry_key.owner.name, call.key, tier="shared")

    async def wait_for(self, call: Call) -> CachedValue:
        """With a soft timeout, what is kept for errors rather than a wait that is too long."""
        resource = call.entry_key.owner
        if resource.policy.soft_timeout is None:
            return await call.wait()
        landing = asyncio.ensure_future(call.wait())
        try:
            await asyncio.wait([landing], timeout=resource.policy.soft_timeout.total_seconds())
            fallback = None if landing.done() else self.find_fallback(call)
            if fallback is None:
                return await landing
        finally:
            landing.cancel()
        emit("slow", resource.name, call.key)
        return fallback.as_stale()

    def find_fallback(self, call: Call) -> CachedValue | None:
        """From memory, or what the shared tier gave to this flight."""
        held = self.memory.get(call.key) if self.memory is not None else None
        for answer in (held, call.fallback):
            if answer is not None and self.may_serve_on_error(answer):
                return answer
        return None

    def loop_state(self) -> LoopState:
        loop = asyncio.get_running_loop()
        latest = self.latest
        if latest is not None and latest.loop is loop:
            return latest
        state = self.states.get(loop)
        if state is None:
            state = self.states[loop] = LoopState()
            state.finalizer = call_at_loop_end(lambda: self.forget_loop(loop))
        self.latest = state
        return state

    async def forget_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        state = self.states.pop(loop, None)
        if self.latest is state:
            self.latest = None
        if state is not None:
            await state.executor.close()

    # --- 3: the shared tier -------------------------------------------------------------------------

    def start(self, state: LoopState, calls: Sequence[Call]) -> None:
        """With all that depart in this turn of the loop: one lookup for all."""
        if not state.next_lookup:
            state.loop.call_soon(self.start_lookup, state)
        state.next_lookup.append(LookupBatch(calls, contextvars.copy_context()))

    def start_lookup(self, state: LoopState) -> None:
        batches, state.next_lookup = state.next_lookup, []
        state.begin(self.populate(state, batches))

    async def populate(self, state: LoopState, batches: Sequence[LookupBatch]) -> None:
        """Land every flight, one way or another. What the shared tier has not is loaded for each departure apart."""
        try:
            answers = await self.lookup_shared([call.entry_key for batch in batches for call in batch.calls])
            for batch in batches:
                missing = [each for each in batch.calls if not self.resolve_from_shared(each, answers.get(each.key))]
                if missing:
                    state.begin(self.load_or_reject(state, missing), batch.context)
        except BaseException as error:
            for batch in batches:
                _reject_all(batch.calls, error)
            if not isinstance(error, Exception):
                raise

    def resolve_from_shared(self, call: Call, answer: CachedValue | None) -> bool:
        """Whether what the shared tier has (None: nothing) is enough; else it has to be loaded."""
        if answer is not None and self.accept(call, answer):
            return True
        call.fallback = answer
        fallback = call.fallback = self.find_fallback(call)
        if fallback is None or not self.backoff.has_failed(call.key):
            return False
        # Its load failed a moment ago: that is not tried again for each reader.
        emit("error_stale", call.entry_key.owner.name, call.key, reason="failed a moment ago")
        call.resolve(fallback.as_stale())
        return True

    async def load_or_reject(self, state: LoopState, calls: Sequence[Call]) -> None:
        try:
            await self.loader.load_missing(state, calls)
        except BaseException as error:
            _reject_all(calls, error)
            if not isinstance(error, Exception):
                raise

    def accept(self, call: Call, answer: CachedValue, *, again: bool = False) -> bool:
        """Whether what the shared tier had will do; `again` where it was looked at before."""
        entry_key = call.entry_key
        if again:
            self.update_verdict(answer)
        if answer.verdict is Verdict.INVALID or self.clock() >= answer.header.stale_until:
            return False
        opened = entry_key.owner.decode_value(answer)
        if opened is None:
            if not again:
                emit("unreadable", entry_key.owner.name, entry_key.key, reason="no such value")
            return False
        served, outcome = self.judge(entry_key, opened)
        if served is None:
            return False
        self.remember(entry_key, opened if entry_key.owner.is_immutable else answer, len(answer.value))
        call.outcome = outcome
        call.resolve(served)
        return True

    async def lookup_shared(self, entry_keys: Iterable[EntryKey], *, again: bool = False) -> dict[str, CachedValue]:
        """What the shared tier holds, judged. What cannot be read is counted, but not `again`."""
        by_key = {entry_key.key: entry_key for entry_key in entry_keys}
        began = time.perf_counter()
        stored = await self.shared.lookup(list(by_key))
        if not again:
            _measure_lookups(by_key.values(), time.perf_counter() - began)
        entries: dict[str, Entry] = {}
        for key, content in stored.items():
            try:
                entries[key] = unpack(content)
            except Unreadable as error:
                if not again:
                    emit("unreadable", by_key[key].owner.name, key, reason=str(error))
        if not entries:
            return {}
        verdicts = await self.ordering.judge([entry.header for entry in entries.values()])
        return {
            key: CachedValue(entry.header, entry.value, is_decoded=False, verdict=verdict)
            for (key, entry), verdict in zip(entries.items(), verdicts, strict=True)
        }

    def remember(self, entry_key: EntryKey, answer: CachedValue, size: int) -> None:
        """In memory; as the value itself where nobody can change it, else as its bytes, `size` of them."""
        if self.memory is not None:
            header, policy = answer.header, entry_key.owner.policy
            early_from = header.fresh_until - header.cost * policy.early * EARLY_REACH
            answer.no_refresh_before = min(early_from, _refresh_ahead_from(policy, header))
            self.memory.put(entry_key.key, answer, size)

    # --- by hand --------------------------------------------------------------------------------------

    async def refresh(self, entry_key: EntryKey) -> CachedValue:
        """Load now, whatever is held; by turns with others that load this key."""
        state, token, delay = self.loop_state(), secrets.token_hex(8), FIRST_DELAY
        deadline = state.loop.time() + entry_key.owner.policy.hard_timeout.total_seconds()
        while entry_key.key not in await self.shared.lease([entry_key.key], token, self.lease):
            if state.loop.time() > deadline:
                raise LoadTimeout(f"{entry_key.key}: its holder takes too long.")
            await asyncio.sleep(delay)
            delay = min(delay * 2, MAX_DELAY)
        call = Call(entry_key, state.loop)
        state.begin(self.loader.run(state, [call], token))
        return await call.wait()

    async def store(self, entry_key: EntryKey, loaded: Any) -> None:
        """As if a load that began now had given it."""
        begun = await self.ordering.begin()
        await self.loader.store(entry_key, loaded, LoadRecord(begun, Dependencies(), self.clock(), 0.0), None)

    async def fresh_for(self, entry_key: EntryKey) -> float:
        answer = (await self.lookup_shared([entry_key])).get(entry_key.key)
        if answer is None or answer.verdict is not Verdict.VALID or not self.ordering.is_heard:
            return 0.0
        return max(0.0, answer.header.fresh_until - self.clock())

    async def append(self, kind: Kind, tags: Iterable[str], nonce: str | None = None) -> None:
        tags = list(tags)
        if tags:
            await self.ordering.append(kind, tags, nonce)

    def append_sync(self, kind: Kind, tags: Iterable[str], nonce: str | None = None) -> None:
        tags = list(tags)
        if tags:
            self.ordering.append_sync(kind, tags, nonce)


def _reject_all(calls: Iterable[Call], error: BaseException) -> None:
    for call in calls:
        call.reject(error)


def _measure_lookups(entry_keys: Collection[EntryKey], seconds: float) -> None:
    """One lookup of many keys: a share for each."""
    for name, count in Counter(entry_key.owner.name for entry_key in entry_keys).items():
        measure("lookup", name, count)
        measure("lookup_seconds", name, seconds * count / len(entry_keys))


def _refresh_ahead_from(policy: Policy, header: Header) -> float:
    """Since when a hot entry is loaded again although it is fresh (Unix seconds)."""
    return header.fresh_until - (header.fresh_until - header.made_at) * policy.ahead
