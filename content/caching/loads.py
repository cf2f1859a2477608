"""Loading what no tier has: once, under a lease, and stored only if nothing overtook it."""

import asyncio
import secrets
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from content.caching.answer import Answer
from content.caching.collecting import Collected, collecting
from content.caching.entry import Entry, Header, Stamp, pack
from content.caching.errors import LoadTimeout, NotModified
from content.caching.events import measure, record
from content.caching.flight import Flight, Making, current_making
from content.caching.loop_state import LoopState
from content.caching.shared import lease_and_look
from content.caching.want import Want

if TYPE_CHECKING:
    from content.caching.engine import Engine

FIRST_PAUSE = 0.005
LONGEST_PAUSE = 0.05


class Run(NamedTuple):
    """Of a loader: where it stood in the order, what it read, when it ended (Unix seconds), what it cost a key."""

    begun: Stamp | None
    collected: Collected
    ended: float
    cost: float


class Loads:
    """The loads of an engine."""

    def __init__(self, engine: "Engine") -> None:
        self.engine = engine

    # --- under a lease ------------------------------------------------------------------------------

    async def in_turn(self, state: LoopState, flights: Sequence[Flight]) -> None:
        """Load what we get a lease for; wait, beside it, for what others load."""
        token, pause = secrets.token_hex(8), FIRST_PAUSE
        loads: list[asyncio.Task[None]] = []
        pending = {flight.key: flight for flight in flights}
        longest = max(flight.want.resource.policy.hard_timeout for flight in flights)
        deadline = state.loop.time() + longest.total_seconds()
        while pending:
            mine = await self.leased(pending, token)
            if mine:
                loads.append(state.begin(self.run(state, mine, token)))
            if pending and state.loop.time() > deadline:
                for flight in pending.values():
                    self.fail(flight, LoadTimeout(f"{flight.key}: its holder takes too long."))
                break
            if pending:
                for flight in pending.values():
                    record("wait", flight.want.resource.name, flight.key)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
        if loads:
            await asyncio.gather(*loads)

    async def leased(self, pending: dict[str, Flight], token: str) -> list[Flight]:
        """One round: those that are ours to load. What others have stored meanwhile lands. Both leave `pending`."""
        keys, wants, engine = list(pending), [flight.want for flight in pending.values()], self.engine
        got, answers = await lease_and_look(
            engine.shared, keys, token, engine.lease, lambda: engine.lookup(wants, again=True)
        )
        mine = []
        for key in keys:
            answer = answers.get(key)
            if answer is not None and engine.taken(pending[key], answer, again=True):
                if key in got:
                    await engine.shared.release(key, token)
                del pending[key]
            elif key in got:
                mine.append(pending.pop(key))
        return mine

    # --- loaded and stored --------------------------------------------------------------------------

    async def run(self, state: LoopState, flights: Iterable[Flight], token: str | None) -> None:
        """Flights of several resources are loaded side by side, each resource's own in one go."""
        by_resource: dict[Any, list[Flight]] = {}
        for flight in flights:
            by_resource.setdefault(flight.want.resource, []).append(flight)
        await asyncio.gather(*(self.together(state, some, token) for some in by_resource.values()))

    async def together(self, state: LoopState, flights: Sequence[Flight], token: str | None) -> None:
        """Every flight lands or crashes, and no lease is left behind."""
        keys = [flight.key for flight in flights]
        renewal = state.begin(self.renew(keys, token)) if token else None
        try:
            found, run = await self.loaded(state, flights)
            await asyncio.gather(*(self.land(each, found[each.want.parameters], run, token) for each in flights))
        except Exception as error:
            await self.failed(flights, error, token)
        except asyncio.CancelledError:
            # The loop ends: others need not wait for what nobody loads any more.
            await self.release(keys, token)
            raise
        finally:
            if renewal is not None:
                renewal.cancel()

    async def land(self, flight: Flight, loaded: Any, run: Run, token: str | None) -> None:
        try:
            flight.land(await self.kept(flight.want, loaded, run, token))
        except Exception as error:
            await self.failed([flight], error, token)

    async def failed(self, flights: Sequence[Flight], error: Exception, token: str | None) -> None:
        await self.release([flight.key for flight in flights], token)
        for flight in flights:
            record("failed", flight.want.resource.name, flight.key, reason=type(error).__name__)
            self.fail(flight, error)

    async def loaded(self, state: LoopState, flights: Sequence[Flight]) -> tuple[dict[Any, Any], Run]:
        """The loader's values by parameters. Raises what it raises, and LoadTimeout."""
        resource, making, began = flights[0].want.resource, Making(), self.engine.clock()
        begun = await self.engine.ordering.begin()
        for flight in flights:
            flight.making, flight.stamp = making, begun
        found, collected = await self.loader_run(state, resource, flights, making)
        for flight in flights:
            record("load", resource.name, flight.key)
        # One moment for all: to store the first takes time that the last has not.
        ended = self.engine.clock()
        measure("load_seconds", resource.name, ended - began)
        return found, Run(begun, collected, ended, (ended - began) / len(flights))

    async def loader_run(
        self, state: LoopState, resource: Any, flights: Sequence[Flight], making: Making
    ) -> tuple[dict[Any, Any], Collected]:
        """What the loader gave, and what it read on its way."""

        async def load() -> tuple[dict[Any, Any], Collected]:
            current_making.set(making)
            with collecting() as collected:
                async with asyncio.timeout(limit):
                    return await resource.run_loader([each.want.parameters for each in flights], previous), collected

        limit = resource.policy.hard_timeout.total_seconds()
        kept = flights[0].kept if len(flights) == 1 else None
        previous = resource.opened(kept) if kept is not None else None
        try:
            return await state.loading.run(load)
        except TimeoutError as error:
            raise LoadTimeout(f"{flights[0].key} has not loaded within {limit:g} s.") from error
        except NotModified:
            if previous is None:
                raise
            return {flights[0].want.parameters: resource.as_loaded(previous)}, Collected(
                tags=set(previous.header.tags)
            )

    async def renew(self, keys: Sequence[str], token: str) -> None:
        while True:
            await asyncio.sleep(self.engine.lease / 3)
            for key in keys:
                await self.engine.shared.renew(key, token, self.engine.lease)

    async def release(self, keys: Iterable[str], token: str | None) -> None:
        if token is not None:
            for key in keys:
                await self.engine.shared.release(key, token)

    def fail(self, flight: Flight, error: Exception) -> None:
        """The last good value, if one may be served when loading fails (I6); else the error."""
        self.engine.pauses.begin(flight.key, failed=True)
        if flight.kept is not None and self.engine.keepable_for_errors(flight.kept):
            record("error_stale", flight.want.resource.name, flight.key, reason=type(error).__name__)
            flight.land(flight.kept.as_stale())
        else:
            flight.crash(error)

    async def kept(self, want: Want, loaded: Any, run: Run, token: str | None) -> Answer:
        """Stored in both tiers, unless something overtook the load; the answer is the reader's in any case."""
        resource, now, (begun, collected, _, cost) = want.resource, run.ended, run
        tags = resource.tags_of(want, loaded, collected.tags)
        sealed = await self.engine.ordering.seal(begun, tags) if begun is not None and not collected.stale else None
        times = resource.times_of(loaded, now, self.engine.chance())
        stale_until = min(times.stale_until, collected.stale_until)
        header = Header(
            made_at=now,
            fresh_until=min(times.fresh_until, collected.fresh_until),
            # Older than its oldest part may be, nothing made of it is served.
            stale_until=stale_until,
            error_until=stale_until + times.error_until - times.stale_until,
            there=loaded.absence is None,
            cost=cost,
            tags=tags,
            stamp=sealed or Stamp(""),
        )
        encoded = resource.encoded(loaded)
        answer = resource.answered(header, loaded, encoded)
        if sealed is None or header.fresh_until <= now:
            record("refused", resource.name, want.key, reason=reason_refused(begun, collected, sealed))
            self.engine.pauses.begin(want.key, failed=False)
            await self.release([want.key], token)
            # Whoever makes something of what was made of a stale part must know.
            return answer.as_stale() if collected.stale else answer
        if self.engine.ordering.is_heard:
            self.engine.pauses.end(want.key)
        else:
            # Kept, yet stale for as long as the log is silent: the next reader need not load it again.
            self.engine.pauses.begin(want.key, failed=False)
        content = pack(Entry(header, encoded))
        stored = len(content) <= resource.largest and await self.engine.shared.store(
            want.key, content, max(header.error_until, header.stale_until) - now, token
        )
        if stored:
            measure("store", resource.name, 1)
            measure("stored_bytes", resource.name, len(content))
        else:
            reason = "too large" if len(content) > resource.largest else "its lease lapsed, or the tier is away"
            record("refused", resource.name, want.key, reason=reason)
        # A lease that lapsed was given to somebody else: what they store is the entry (I12).
        if stored or token is None or await self.engine.shared.holder(want.key) in (None, token):
            self.engine.remember(want, answer, len(encoded))
        if not stored:
            await self.release([want.key], token)
        return answer


def reason_refused(begun: Stamp | None, collected: Collected, sealed: Stamp | None) -> str:
    if begun is None:
        return "no log is joined"
    if collected.stale:
        return "made of a stale part"
    return "overtaken by an invalidation" if sealed is None else "its time is up already"
