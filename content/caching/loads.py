"""Loading what no tier has: once, under a lease, and stored only if nothing overtook it."""

import asyncio
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from content.caching.answer import Answer
from content.caching.collecting import Collected, collecting
from content.caching.entry import Entry, Header, Stamp, pack
from content.caching.errors import LoadTimeout, NotModified
from content.caching.events import measure, record
from content.caching.flight import Flight, Making, current_making
from content.caching.loop_state import LoopState
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

    async def in_turn(
        self, state: LoopState, wants: list[Want], flights: Mapping[str, Flight], old: dict[str, Answer]
    ) -> None:
        """Load what we get a lease for; wait, beside it, for what others load."""
        token, pause = secrets.token_hex(8), FIRST_PAUSE
        loads: list[asyncio.Task[None]] = []
        pending = {want.key: want for want in wants}
        deadline = state.loop.time() + max(want.resource.policy.hard_timeout.total_seconds() for want in wants)
        while pending:
            mine = await self.leased(pending, token, flights)
            if mine:
                loads.append(state.begin(self.run(state, mine, flights, old, token)))
            if pending and state.loop.time() > deadline:
                for key in pending:
                    self.fail(
                        flights[key], old.get(key), pending[key], LoadTimeout(f"{key}: its holder takes too long.")
                    )
                break
            if pending:
                for want in pending.values():
                    record("wait", want.resource.name, want.key)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
        if loads:
            await asyncio.gather(*loads)

    async def leased(self, pending: dict[str, Want], token: str, flights: Mapping[str, Flight]) -> list[Want]:
        """One round: those that are ours to load. What others have stored meanwhile lands. Both leave `pending`.

        Lease and lookup travel together and are answered in this order: whoever gets a lease sees what its last
        holder stored before it let go.
        """
        keys, wants, engine = list(pending), list(pending.values()), self.engine
        got, answers = await asyncio.gather(
            engine.shared.lease(keys, token, engine.lease), engine.lookup(wants, again=True)
        )
        mine = []
        for key in keys:
            answer = answers.get(key)
            if answer is not None and self.engine.taken(pending[key], answer, flights[key], again=True):
                if key in got:
                    await self.engine.shared.release(key, token)
                del pending[key]
            elif key in got:
                mine.append(pending.pop(key))
        return mine

    # --- loaded and stored --------------------------------------------------------------------------

    async def run(
        self,
        state: LoopState,
        wants: list[Want],
        flights: Mapping[str, Flight],
        old: Mapping[str, Answer],
        token: str | None,
    ) -> None:
        """Wants of several resources are loaded side by side, each resource's own in one go."""
        by_resource: dict[Any, list[Want]] = {}
        for want in wants:
            by_resource.setdefault(want.resource, []).append(want)
        await asyncio.gather(*(self.together(state, some, flights, old, token) for some in by_resource.values()))

    async def together(
        self,
        state: LoopState,
        wants: list[Want],
        flights: Mapping[str, Flight],
        old: Mapping[str, Answer],
        token: str | None,
    ) -> None:
        resource, making = wants[0].resource, Making()
        renewal = state.begin(self.renew([want.key for want in wants], token)) if token else None
        began = self.engine.clock()
        try:
            begun = await self.engine.ordering.begin()
            for want in wants:
                flights[want.key].making, flights[want.key].stamp = making, begun
            found, collected = await self.loaded(state, resource, wants, making, old)
        except Exception as error:
            for want in wants:
                record("failed", resource.name, want.key, reason=type(error).__name__)
            await self.release(wants, token)
            for want in wants:
                self.fail(flights[want.key], old.get(want.key), want, error)
            return
        finally:
            if renewal is not None:
                renewal.cancel()
        for want in wants:
            record("load", resource.name, want.key)
        # One moment for all: to store the first takes time that the last has not.
        ended = self.engine.clock()
        measure("load_seconds", resource.name, ended - began)
        run = Run(begun, collected, ended, (ended - began) / len(wants))

        async def land(want: Want) -> None:
            flights[want.key].land(await self.kept(want, found[want.parameters], run, token))

        await asyncio.gather(*map(land, wants))

    async def loaded(
        self, state: LoopState, resource: Any, wants: list[Want], making: Making, old: Mapping[str, Answer]
    ) -> tuple[dict[Any, Any], Collected]:
        """The loader's values by parameters, and what it read on its way. Raises what it raises, and LoadTimeout."""

        async def load() -> tuple[dict[Any, Any], Collected]:
            current_making.set(making)
            with collecting() as collected:
                async with asyncio.timeout(limit):
                    return await resource.run_loader([want.parameters for want in wants], previous), collected

        limit = resource.policy.hard_timeout.total_seconds()
        previous = resource.opened(old[wants[0].key]) if len(wants) == 1 and wants[0].key in old else None
        try:
            return await state.loading.run(load)
        except TimeoutError as error:
            raise LoadTimeout(f"{wants[0].key} has not loaded within {limit:g} s.") from error
        except NotModified:
            if previous is None:
                raise
            return {wants[0].parameters: resource.as_loaded(previous)}, Collected(set(previous.header.tags))

    async def renew(self, keys: Sequence[str], token: str) -> None:
        while True:
            await asyncio.sleep(self.engine.lease / 3)
            for key in keys:
                await self.engine.shared.renew(key, token, self.engine.lease)

    async def release(self, wants: Iterable[Want], token: str | None) -> None:
        if token is not None:
            for want in wants:
                await self.engine.shared.release(want.key, token)

    def fail(self, flight: Flight, old: Answer | None, want: Want, error: Exception) -> None:
        """The last good value, if one may be served when loading fails (I6); else the error."""
        self.engine.pauses.begin(want.key, failed=True)
        if old is not None and self.engine.keepable_for_errors(old):
            record("error_stale", want.resource.name, want.key, reason=type(error).__name__)
            flight.land(old.as_stale())
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
            await self.release([want], token)
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
            await self.release([want], token)
        return answer


def reason_refused(begun: Stamp | None, collected: Collected, sealed: Stamp | None) -> str:
    if begun is None:
        return "no log is joined"
    if collected.stale:
        return "made of a stale part"
    return "overtaken by an invalidation" if sealed is None else "its time is up already"
