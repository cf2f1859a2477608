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

from content.caching.answer import Answer
from content.caching.declared import resources
from content.caching.due import Due, DueSet
from content.caching.entry import NOWHERE, Header, Verdict
from content.caching.events import record
from content.caching.flight import Flight
from content.caching.loop_state import LoopState
from content.caching.shared import lease_and_look
from content.caching.want import Want

if TYPE_CHECKING:
    from content.caching.engine import Engine

logger = logging.getLogger("content.caching")

# Seconds between looks at what a worker may have stored; when they are over, the reader's process takes its turn.
LOOKS = (0.03, 0.07, 0.15, 0.25, 0.5)
BATCH = 64
BATCHES_AT_ONCE = 4
# Seconds that a worker waits for work before it says again that it is there; well below a connection's timeout.
WAIT = 0.4
LONGEST_PAUSE = 1.0


class Refresher:
    def __init__(self, engine: "Engine", due: DueSet | None) -> None:
        self.engine = engine
        self.due = due

    # --- the reader's side --------------------------------------------------------------------------

    def soon(self, want: Want, seen: Header, reason: str) -> None:
        """One at a time a key in this process, and not right after one that failed."""
        state = self.engine.state()
        if want.key in state.refreshes or self.engine.pauses.is_on(want.key):
            return
        task = state.begin(self.behind_the_reader(state, want, seen, reason))
        state.refreshes[want.key] = task
        task.add_done_callback(lambda done: state.refreshes.pop(want.key, None))

    async def behind_the_reader(self, state: LoopState, want: Want, seen: Header, reason: str) -> None:
        if await self.newer_than(want, seen) or await self.done_by_a_worker(want, seen):
            return
        await self.here(state, want, seen, reason)

    async def done_by_a_worker(self, want: Want, seen: Header) -> bool:
        if self.due is None or resources.get(want.resource.name) is None:
            return False
        stamp = await self.engine.ordering.begin()
        due = Due(want.resource.name, want.parameters, seen.made_at, stamp.position if stamp else NOWHERE)
        if not await self.due.ask(due):
            return False
        for pause in LOOKS:
            await asyncio.sleep(pause)
            if await self.newer_than(want, seen):
                return True
        record("late", want.resource.name, want.key)
        return False

    async def newer_than(self, want: Want, seen: Header) -> bool:
        """Whether somebody has stored a newer one; this process then has it too."""
        answer = (await self.engine.lookup([want], again=True)).get(want.key)
        return answer is not None and self.is_newer(want, answer, seen)

    def is_newer(self, want: Want, answer: Answer, seen: Header) -> bool:
        if answer.verdict is not Verdict.VALID or answer.header.made_at <= seen.made_at:
            return False
        return self.engine.taken(Flight(want, asyncio.get_running_loop()), answer, again=True)

    async def here(self, state: LoopState, want: Want, seen: Header, reason: str) -> None:
        """Under the lease, and unless somebody was quicker."""
        engine, token = self.engine, secrets.token_hex(8)
        got, answers = await lease_and_look(
            engine.shared, [want.key], token, engine.lease, lambda: engine.lookup([want], again=True)
        )
        answer = answers.get(want.key)
        if answer is not None and self.is_newer(want, answer, seen):
            if got:
                await engine.shared.release(want.key, token)
        elif got:
            record("refresh", want.resource.name, want.key, reason=reason)
            await engine.loads.run(state, [self.flight(state, want, answer)], token)

    def flight(self, state: LoopState, want: Want, answer: Answer | None) -> Flight:
        """With what is held: a loader may find it still right, and it stays if that fails."""
        flight = Flight(want, state.loop)
        flight.kept = answer if answer is not None and self.engine.keepable_for_errors(answer) else None
        return flight

    # --- the worker's side --------------------------------------------------------------------------

    async def work(self) -> None:
        """Until cancelled: take what is due, and wait where nothing is. Several workers share the set."""
        if self.due is None:
            return
        slots, pause = asyncio.Semaphore(BATCHES_AT_ONCE), 0.1
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    await slots.acquire()
                    batch = await self.due.take(BATCH)
                    if not batch:
                        slots.release()
                        await self.due.wait(WAIT)
                        pause = 0.1
                        continue
                except (RedisError, OSError) as error:
                    slots.release()
                    logger.info("the due set does not answer: %s", error)
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, LONGEST_PAUSE)
                    continue
                group.create_task(self.refreshed_or_told(batch)).add_done_callback(lambda done: slots.release())

    async def refreshed_or_told(self, batch: Iterable[Due]) -> None:
        """What goes wrong with one batch must not end the work on the next."""
        try:
            await self.refreshed(batch)
        except Exception:
            logger.exception("what was due could not be refreshed")

    async def drain(self) -> int:
        """What is due now, batch after batch; how many keys were loaded. Raises RedisError or OSError."""
        loaded = 0
        while self.due is not None and (batch := await self.due.take(BATCH)):
            loaded += await self.refreshed(batch)
        return loaded

    async def refreshed(self, batch: Iterable[Due]) -> int:
        """Load again those of which nothing newer is stored: one round of leases, one lookup, one load_many."""
        engine, token = self.engine, secrets.token_hex(8)
        seen_at = {want.key: (want, due) for due in batch if (want := want_of(due)) is not None}
        if not seen_at:
            return 0
        await engine.ordering.caught_up(max(due.position for _, due in seen_at.values()))
        wants = [want for want, _ in seen_at.values()]
        got, answers = await lease_and_look(
            engine.shared, list(seen_at), token, engine.lease, lambda: engine.lookup(wants, again=True)
        )
        mine = []
        for want, due in (seen_at[key] for key in got):
            if is_done(answers.get(want.key), due):
                await engine.shared.release(want.key, token)
            else:
                mine.append(want)
        if mine:
            state = engine.state()
            for want in mine:
                record("refresh", want.resource.name, want.key, reason="due")
            await engine.loads.run(state, [self.flight(state, want, answers.get(want.key)) for want in mine], token)
        return len(mine)


def want_of(due: Due) -> Want | None:
    """None for a resource that this process does not know, and for parameters that it does not take."""
    resource: Any = resources.get(due.resource)
    if resource is None:
        return None
    try:
        return resource.want(due.parameters, {})  # type: ignore[no-any-return]
    except TypeError:
        return None


def is_done(answer: Answer | None, due: Due) -> bool:
    return answer is not None and answer.verdict is Verdict.VALID and answer.header.made_at > due.seen_at
