"""Work on a run: one process at a time, which reports once a second and can be halted at any time.

1. The process takes the run's lease in Redis, and writes the lease's token into the row.
2. Each update of the row names the token: a process that was replaced updates nothing.
3. After each step it renews the lease, and only then counts the step. While Redis does not answer nothing is counted.
4. The checkpoint in the row has the counts of its moment. The next process goes on from there.
"""

import asyncio
import logging
import os
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.db.models import F
from django.utils import timezone
from redis.exceptions import RedisError

from content.caching.queries import count_queries
from content.caching.tracing import begin_trace, note
from content.models import WarmFailure, WarmRun
from content.warming.catalogue import choose_hot
from content.warming.choice import Choice, ChoiceError, read_choice
from content.warming.chosen import show_sum
from content.warming.coverage import measure_coverage
from content.warming.hot_set import name_of_failure
from content.warming.origins import UNKNOWN, origins_of_site
from content.warming.run import COUNTS, MARGIN, Progress, Report, Warm, ignore_progress, warm
from content.warming.run_lease import CacheAway, Lost, RunLease
from content.warming.selection import Unknown
from content.warming.steps import PARTS, Checkpoint, Step, Steps

logger = logging.getLogger(__name__)

State = WarmRun.State
# Seconds between two reports to the row.
BEAT = 1.0
# Targets of a run, and failures whose targets are stored.
MOST_PLANNED, MOST_FAILURES = 5_000_000, 1_000
LOGGED_FAILURES = 5
# Steps are kept in memory, rather than listed twice, if they have at most so many targets.
KEPT = 20_000
COLUMNS = {"already_fresh": "fresh", "not_there": "skipped"}
AWAY = (
    "Redis does not answer ({}), so the run has stopped. What it has counted was read back before. Check REDIS_URL, "
    "and resume the run: it goes on from here."
)


class PlanTooLarge(Exception):
    pass


class Halted(Exception):
    """The row is not this process's any more: an operator halted the run, or another process took it over."""


class Progressed(msgspec.Struct, frozen=True):
    """The checkpoint as the row has it: how far, and the counts of that moment."""

    at: Checkpoint
    counts: dict[str, int]


async def execute(pk: int, *, by: Warm = warm, progress: Progress = ignore_progress) -> bool:
    """Work on the run until it ends or is halted. False if another process does, or it is not active.

    Raises CacheAway if the cache does not answer at the beginning, and errors of the database.
    """
    lease = RunLease(pk)
    if not await lease.take():
        return False
    try:
        run = await claim(pk, lease.token)
        if run is None:
            return False
        with begin_trace("warm run"):
            note("evergreen.run", pk)
            await Execution(run, lease, by, progress).go()
        return True
    finally:
        await lease.release()


async def claim(pk: int, token: str) -> WarmRun | None:
    """The run, if it is active: from now on it is this process's."""
    now, worker = timezone.now(), f"{socket.gethostname()}:{os.getpid()}"
    mine = {"token": token, "worker": worker[:150], "heartbeat_at": now, "message": ""}
    queued, running = (WarmRun.objects.filter(pk=pk, state=state) for state in WarmRun.ACTIVE)
    if not await queued.aupdate(state=State.RUNNING, **mine):
        if not await running.aupdate(takeovers=F("takeovers") + 1, **mine):
            return None
        logger.info("Run %d goes on in this process, where the last one stopped.", pk)
    await WarmRun.objects.filter(pk=pk, started_at=None).aupdate(started_at=now)
    return await WarmRun.objects.aget(pk=pk)


class Execution:
    def __init__(self, run: WarmRun, lease: RunLease, by: Warm, progress: Progress) -> None:
        self.run = run
        self.lease = lease
        self.by = by
        self.progress = progress
        self.done, self.part = Report(), Report()
        self.seconds, self.began = run.seconds, time.monotonic()
        self.failures = 0

    async def go(self) -> None:
        """Returns when the run has ended, or is not this process's any more."""
        working, beating = asyncio.ensure_future(self._work()), asyncio.ensure_future(self._beat())
        try:
            await asyncio.wait([working, beating], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (working, beating):
                task.cancel()
            results = await asyncio.gather(working, beating, return_exceptions=True)
        errors = [each for each in results if isinstance(each, Exception)]
        await self._close(errors[0] if errors else None, working)

    async def _close(self, error: Exception | None, working: "asyncio.Future[str]") -> None:
        match error:
            case None:
                await self._end(State.DONE, working.result())
            case Halted() | Lost():
                await self._write_counts()
            case CacheAway() | Unknown():
                # No entry of this step was read back.
                self.part = Report()
                await self._end(State.STOPPED, AWAY.format(error))
            case DatabaseError() | InterfaceError():
                logger.warning("Run %d rests, since the database does not answer: %s", self.run.pk, error)
            case PlanTooLarge() | ChoiceError():
                await self._end(State.STOPPED, str(error))
            case LookupError():
                await self._end(State.STOPPED, str(error.args[0]) if error.args else str(error))
            case _:
                logger.error("Run %d has failed.", self.run.pk, exc_info=error)
                await self._end(State.STOPPED, f"{type(error).__name__}: {error}")

    # --- working ------------------------------------------------------------------------------------

    async def _work(self) -> str:
        """Returns what the operator has to know, or an empty text."""
        choice = read_choice(self.run.choice)
        async for step in self._plan(choice):
            self.part = Report()
            report = await self.by(step.targets, margin=MARGIN, progress=self._show)
            await self.lease.keep()
            await self._record(step, report)
        return await self._judge(choice)

    async def _plan(self, choice: Choice) -> AsyncIterator[Step]:
        """The steps that are left. The first process counts the targets of all before it begins."""
        known = self._read_checkpoint()
        if known is None:
            steps, kept, known = await self._count_targets(choice)
            if kept is not None:
                for step in kept:
                    yield step
                return
        else:
            steps = Steps(choice, known.hot, self.run.pk)
        async for step in self._counting(steps.list(known)):
            yield step

    def _read_checkpoint(self) -> Checkpoint | None:
        """None for a run that was not planned yet, or whose checkpoint cannot be read: it begins anew."""
        try:
            known = msgspec.convert(self.run.checkpoint, Progressed)
        except msgspec.ValidationError:
            return None
        if known.at.part not in PARTS or not known.counts.keys() <= set(COUNTS):
            return None
        for name, count in known.counts.items():
            setattr(self.done, name, count)
        return known.at

    async def _count_targets(self, choice: Choice) -> tuple[Steps, list[Step] | None, Checkpoint]:
        """Write how many there are into the row. Returns the steps too, unless they are too many to keep."""
        steps = Steps(choice, await choose_hot(), self.run.pk)
        start = Checkpoint(steps.hot, PARTS[0])
        planned, kept = 0, list[Step]()
        async for step in self._counting(steps.list()):
            planned += len(step.targets)
            if planned <= KEPT:
                kept.append(step)
            if planned > MOST_PLANNED:
                raise PlanTooLarge(
                    f"These are more than {MOST_PLANNED:,} targets, so none was warmed. Choose a part: a resource, "
                    "--url, --tag, --pattern or --top."
                )
        self.run.planned = planned
        await self._write(planned=planned, checkpoint=self._progressed(start))
        return steps, kept if planned <= KEPT else None, start

    async def _counting(self, steps: AsyncIterator[Step]) -> AsyncIterator[Step]:
        """The steps. The queries that list them are counted."""
        while True:
            with count_queries() as queries:
                step = await anext(steps, None)
            self.done.queries += queries.count
            if step is None:
                return
            yield step

    def _show(self, report: Report) -> None:
        self.part = report
        show_sum(self.progress, self.done, report)

    async def _record(self, step: Step, report: Report) -> None:
        self.done.add(report)
        self.part = Report()
        for key, reason in list(report.failures.items())[: max(0, LOGGED_FAILURES - self.failures)]:
            logger.warning("Run %d cannot warm %s: %s", self.run.pk, key, reason)
        left = MOST_FAILURES - self.failures
        rows = [
            WarmFailure(run_id=self.run.pk, target=name_of_failure(key)[:600], reason=reason[:300])
            for key, reason in list(report.failures.items())[:left]
        ]
        if rows:
            self.failures += len(rows)
            await WarmFailure.objects.abulk_create(rows, ignore_conflicts=True)
        await self._write(**({"checkpoint": self._progressed(step.checkpoint)} if step.checkpoint else {}))

    def _progressed(self, checkpoint: Checkpoint) -> Any:
        counts = {name: getattr(self.done, name) for name in COUNTS}
        return msgspec.to_builtins(Progressed(checkpoint, counts))

    async def _judge(self, choice: Choice) -> str:
        """The message to the operator about a run that came to its end."""
        if choice.wants_pages and settings.EDGE and not await origins_of_site():
            return UNKNOWN
        if not self.run.planned and choice.tags:
            return (
                f"Nothing was found: no stored entry has the tag {', '.join(choice.tags)}. Check its spelling: "
                "`manage.py cache_explain URL` shows the tags of a page."
            )
        if not self.run.planned:
            return f"Nothing was found: {choice} names no entry and no page."
        if choice.urls and self.done.not_there:
            return f"Nothing is at {self.done.not_there} of the addresses and entries any more."
        return ""

    # --- the row ------------------------------------------------------------------------------------

    async def _beat(self) -> str:
        while True:
            await asyncio.sleep(BEAT)
            await self.lease.keep()
            await self._write()

    def _counts(self) -> dict[str, Any]:
        total = Report()
        total.add(self.done)
        total.add(self.part)
        counts = {COLUMNS.get(name, name): getattr(total, name) for name in COUNTS}
        seconds = self.seconds + time.monotonic() - self.began
        return {**counts, "seconds": seconds, "heartbeat_at": timezone.now()}

    async def _write(self, **fields: Any) -> None:
        """Raises Halted if the row is not this process's any more."""
        mine = WarmRun.objects.filter(pk=self.run.pk, token=self.lease.token, state=State.RUNNING)
        if not await mine.aupdate(**self._counts(), **fields):
            raise Halted

    async def _write_counts(self) -> None:
        """Those of a run that an operator halted. No effect if another process has it."""
        await WarmRun.objects.filter(pk=self.run.pk, token=self.lease.token).aupdate(**self._counts())

    async def _end(self, state: str, message: str) -> None:
        counts = self._counts()
        done = sum(counts[name] for name in ("fresh", "warmed", "failed", "skipped"))
        if state == State.DONE and self.run.planned is not None:
            # Planned targets that were not chosen any more when their turn came.
            counts["skipped"] += max(0, self.run.planned - done)
            counts["planned"] = max(done, self.run.planned)
        if state == State.DONE:
            counts["coverage"] = await measure_end()
        mine = WarmRun.objects.filter(pk=self.run.pk, token=self.lease.token, state=State.RUNNING)
        await mine.aupdate(**counts, state=state, message=message[:500], ended_at=timezone.now())
        logger.info("Run %d: %s. %s", self.run.pk, state, message)
        note("evergreen.run.state", str(state))
        note("evergreen.run.done", done)


async def measure_end() -> Any:
    """The coverage of the hottest entries as data, None if nothing can be said."""
    try:
        return msgspec.to_builtins(await measure_coverage())
    except (RedisError, OSError) as error:
        logger.info("The coverage after the run is not known: %s", error)
        return None
