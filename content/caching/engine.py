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

from content.caching.answer import Answer
from content.caching.backends.loops import at_end_of_loop
from content.caching.collecting import Collected
from content.caching.due import DueSet
from content.caching.entry import Entry, Header, Unreadable, Verdict, unpack
from content.caching.errors import LoadTimeout
from content.caching.events import listeners, measure, record, subscribers, tell
from content.caching.flight import Flight, current_making
from content.caching.loads import FIRST_PAUSE, LONGEST_PAUSE, Loads, Run
from content.caching.log.ledger import Kind
from content.caching.loop_state import Departure, LoopState
from content.caching.memory import MemoryTier
from content.caching.ordering import Ordering
from content.caching.pauses import Pauses
from content.caching.policy import Policy
from content.caching.refreshing import Refresher
from content.caching.shared import SharedTier
from content.caching.want import Want

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
        memory: MemoryTier[Answer] | None,
        *,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
        lease: float = LEASE,
        due: DueSet | None = None,
    ) -> None:
        self.shared = shared
        self.ordering = ordering
        self.memory = memory if ordering.is_local else None
        self.clock = clock
        self.chance = chance
        self.lease = lease
        self.loads = Loads(self)
        self.refresher = Refresher(self, due)
        self.states: dict[asyncio.AbstractEventLoop, LoopState] = {}
        self.latest: LoopState | None = None
        self.pauses = Pauses(lambda: self.clock())

    # --- 1: memory ----------------------------------------------------------------------------------

    def recalled(self, key: str) -> Answer | None:
        """What memory has there, whatever its times, judged by all that this process has heard of the order."""
        if self.memory is None or (held := self.memory.get(key)) is None:
            return None
        version = self.ordering.version
        if held.version != version:
            held.verdict, held.version = self.ordering.judge_now(held.header), version
        return held

    def remembered(self, want: Want) -> Answer | None:
        """From memory, what may be served now; None sends the reader on. No I/O, nothing to wait for."""
        held = self.recalled(want.key)
        if held is None:
            return None
        header, now = held.header, self.clock()
        # The commonest case of all, in as few steps as it takes; `servable` says it in full.
        if held.verdict is VALID and header.there and now < held.quiet_until and self.ordering.is_heard:
            want.resource.tally.memory_hits += 1
            held.reads += 1
            if subscribers or listeners.get():
                tell("hit", want.resource.name, want.key, tier="memory")
            return held
        served, outcome = self.servable(want, held)
        if served is not None:
            record(outcome, want.resource.name, want.key, tier="memory", reason=self.reason_of(outcome, held))
        return served

    def servable(self, want: Want, answer: Answer) -> tuple[Answer | None, str]:
        """What of it a reader may get now, and what that is: hit, negative or stale."""
        header, now = answer.header, self.clock()
        if answer.verdict is Verdict.VALID and now < header.fresh_until and self.ordering.is_heard:
            answer.reads += 1
            if now >= answer.quiet_until and self.wants_refresh(want, answer, now):
                self.refresher.soon(want, header, "ahead of its end")
            return answer, "hit" if header.there else "negative"
        if answer.verdict is not Verdict.INVALID and now < header.stale_until:
            self.refresher.soon(want, header, "stale")
            return answer.as_stale(), "stale"
        return None, ""

    def judge_again(self, answer: Answer) -> None:
        """A verdict from before an await is one from before an invalidation: readers may have come since."""
        if self.ordering.is_local:
            answer.verdict = self.ordering.judge_now(answer.header)

    def reason_of(self, outcome: str, answer: Answer) -> str:
        if outcome != "stale":
            return ""
        if answer.verdict is Verdict.EXPIRED:
            return "expired"
        return "its time is up" if self.clock() >= answer.header.fresh_until else "the log is silent"

    def wants_refresh(self, want: Want, answer: Answer, now: float) -> bool:
        """Early, by the cost of its load; ahead, where it is read a lot."""
        policy, header = want.resource.policy, answer.header
        if answer.reads < HOT and header.fresh_until - now >= header.cost * policy.early * EARLY_REACH:
            return False
        if policy.wants_refresh(now, header.fresh_until, header.cost, 1 - self.chance()):
            return True
        return answer.reads >= HOT and now >= ahead_from(policy, header)

    def keepable_for_errors(self, answer: Answer) -> bool:
        self.judge_again(answer)
        return answer.verdict is not Verdict.INVALID and self.clock() < answer.header.error_until

    # --- 2: flights ---------------------------------------------------------------------------------

    async def find(self, wants: Sequence[Want]) -> dict[str, Answer]:
        """An answer for each key, or the error that its load ended with."""
        state, found, flights, fresh = self.state(), {}, {}, []
        for want in wants:
            answer = self.remembered(want)
            if answer is not None:
                found[want.key] = answer
                continue
            flights[want.key], is_new = self.boarded(state, want)
            if is_new:
                fresh.append(flights[want.key])
        if fresh:
            self.depart(state, fresh)
        try:
            for want in wants:
                if want.key in flights:
                    found[want.key] = await self.landed(flights[want.key])
        finally:
            for flight in fresh:
                self.count(flight)
        return found

    async def find_one(self, want: Want) -> Answer:
        """As find, for what was looked for in memory already."""
        state = self.state()
        flight, is_new = self.boarded(state, want)
        if is_new:
            self.depart(state, (flight,))
        is_plain = want.resource.policy.soft_timeout is None and current_making.get() is None
        try:
            return await (flight.waiter() if is_plain else self.landed(flight))
        finally:
            if is_new:
                self.count(flight)

    def boarded(self, state: LoopState, want: Want) -> tuple[Flight, bool]:
        """The flight for that key, and whether it is new. A load that began before what this reader must see is not
        for this reader (rule 16)."""
        flight = state.flights.get(want.key)
        if flight is not None and (flight.stamp is None or self.ordering.covers(flight.stamp)):
            record("joined", want.resource.name, want.key)
            return flight, False
        flight = state.flights[want.key] = Flight(want, state.loop, state.landed)
        return flight, True

    def count(self, flight: Flight) -> None:
        """In the context of the reader for whom it took off."""
        if flight.outcome is None:
            record("miss", flight.want.resource.name, flight.key)
        else:
            record(flight.outcome, flight.want.resource.name, flight.key, tier="shared")

    async def landed(self, flight: Flight) -> Answer:
        """With a soft timeout, what is kept for errors rather than a wait that is too long."""
        resource = flight.want.resource
        if resource.policy.soft_timeout is None:
            return await flight.landed()
        landing = asyncio.ensure_future(flight.landed())
        try:
            await asyncio.wait([landing], timeout=resource.policy.soft_timeout.total_seconds())
            kept = None if landing.done() else self.kept_for_errors(flight)
            if kept is None:
                return await landing
        finally:
            landing.cancel()
        record("slow", resource.name, flight.key)
        return kept.as_stale()

    def kept_for_errors(self, flight: Flight) -> Answer | None:
        """From memory, or what the shared tier gave to this flight."""
        held = self.memory.get(flight.key) if self.memory is not None else None
        for answer in (held, flight.kept):
            if answer is not None and self.keepable_for_errors(answer):
                return answer
        return None

    def state(self) -> LoopState:
        loop = asyncio.get_running_loop()
        latest = self.latest
        if latest is not None and latest.loop is loop:
            return latest
        state = self.states.get(loop)
        if state is None:
            state = self.states[loop] = LoopState()
            state.keeper = at_end_of_loop(lambda: self.forget_loop(loop))
        self.latest = state
        return state

    async def forget_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        state = self.states.pop(loop, None)
        if self.latest is state:
            self.latest = None
        if state is not None:
            await state.loading.close()

    # --- 3: the shared tier -------------------------------------------------------------------------

    def depart(self, state: LoopState, flights: Sequence[Flight]) -> None:
        """With all that depart in this turn of the loop: one lookup for all."""
        if not state.departing:
            state.loop.call_soon(self.look, state)
        state.departing.append(Departure(flights, contextvars.copy_context()))

    def look(self, state: LoopState) -> None:
        departures, state.departing = state.departing, []
        state.begin(self.populate(state, departures))

    async def populate(self, state: LoopState, departures: Sequence[Departure]) -> None:
        """Land every flight, one way or another. What the shared tier has not is loaded for each departure apart."""
        try:
            answers = await self.lookup([flight.want for departure in departures for flight in departure.flights])
            for departure in departures:
                missing = [each for each in departure.flights if not self.ended_by(each, answers.get(each.key))]
                if missing:
                    state.begin(self.load_or_crash(state, missing), departure.context)
        except BaseException as error:
            for departure in departures:
                crash(departure.flights, error)
            if not isinstance(error, Exception):
                raise

    def ended_by(self, flight: Flight, answer: Answer | None) -> bool:
        """Whether what the shared tier has (None: nothing) is enough; else it has to be loaded."""
        if answer is not None and self.taken(flight, answer):
            return True
        flight.kept = answer
        kept = flight.kept = self.kept_for_errors(flight)
        if kept is None or not self.pauses.has_failed(flight.key):
            return False
        # Its load failed a moment ago: that is not tried again for each reader.
        record("error_stale", flight.want.resource.name, flight.key, reason="failed a moment ago")
        flight.land(kept.as_stale())
        return True

    async def load_or_crash(self, state: LoopState, flights: Sequence[Flight]) -> None:
        try:
            await self.loads.in_turn(state, flights)
        except BaseException as error:
            crash(flights, error)
            if not isinstance(error, Exception):
                raise

    def taken(self, flight: Flight, answer: Answer, *, again: bool = False) -> bool:
        """Whether what the shared tier had will do; `again` where it was looked at before."""
        want = flight.want
        if again:
            self.judge_again(answer)
        if answer.verdict is Verdict.INVALID or self.clock() >= answer.header.stale_until:
            return False
        opened = want.resource.opened(answer)
        if opened is None:
            if not again:
                record("unreadable", want.resource.name, want.key, reason="no such value")
            return False
        served, outcome = self.servable(want, opened)
        if served is None:
            return False
        self.remember(want, opened if want.resource.is_immutable else answer, len(answer.value))
        flight.outcome = outcome
        flight.land(served)
        return True

    async def lookup(self, wants: Iterable[Want], *, again: bool = False) -> dict[str, Answer]:
        """What the shared tier holds, judged. What cannot be read is counted, but not `again`."""
        by_key = {want.key: want for want in wants}
        began = time.perf_counter()
        stored = await self.shared.lookup(list(by_key))
        if not again:
            measure_lookups(by_key.values(), time.perf_counter() - began)
        entries: dict[str, Entry] = {}
        for key, content in stored.items():
            try:
                entries[key] = unpack(content)
            except Unreadable as error:
                if not again:
                    record("unreadable", by_key[key].resource.name, key, reason=str(error))
        if not entries:
            return {}
        verdicts = await self.ordering.judge([entry.header for entry in entries.values()])
        return {
            key: Answer(entry.header, entry.value, opened=False, verdict=verdict)
            for (key, entry), verdict in zip(entries.items(), verdicts, strict=True)
        }

    def remember(self, want: Want, answer: Answer, size: int) -> None:
        """In memory; as the value itself where nobody can change it, else as its bytes, `size` of them."""
        if self.memory is not None:
            header, policy = answer.header, want.resource.policy
            early_from = header.fresh_until - header.cost * policy.early * EARLY_REACH
            answer.quiet_until = min(early_from, ahead_from(policy, header))
            self.memory.put(want.key, answer, size)

    # --- by hand --------------------------------------------------------------------------------------

    async def refresh(self, want: Want) -> Answer:
        """Load now, whatever is held; by turns with others that load this key."""
        state, token, pause = self.state(), secrets.token_hex(8), FIRST_PAUSE
        deadline = state.loop.time() + want.resource.policy.hard_timeout.total_seconds()
        while want.key not in await self.shared.lease([want.key], token, self.lease):
            if state.loop.time() > deadline:
                raise LoadTimeout(f"{want.key}: its holder takes too long.")
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        flight = Flight(want, state.loop)
        state.begin(self.loads.run(state, [flight], token))
        return await flight.landed()

    async def store(self, want: Want, loaded: Any) -> None:
        """As if a load that began now had given it."""
        begun = await self.ordering.begin()
        await self.loads.kept(want, loaded, Run(begun, Collected(), self.clock(), 0.0), None)

    async def fresh_for(self, want: Want) -> float:
        answer = (await self.lookup([want])).get(want.key)
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


def crash(flights: Iterable[Flight], error: BaseException) -> None:
    for flight in flights:
        flight.crash(error)


def measure_lookups(wants: Collection[Want], seconds: float) -> None:
    """One lookup of many keys: a share for each."""
    for name, count in Counter(want.resource.name for want in wants).items():
        measure("lookup", name, count)
        measure("lookup_seconds", name, seconds * count / len(wants))


def ahead_from(policy: Policy, header: Header) -> float:
    """Since when a hot entry is loaded again although it is fresh (Unix seconds)."""
    return header.fresh_until - (header.fresh_until - header.made_at) * policy.ahead
