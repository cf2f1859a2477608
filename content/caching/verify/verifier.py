"""Verify continuously that what is served matches the database, after Meta's Polaris ("Cache made consistent", 2022).

After each record that this process consumes, some of the entries with its tags are checked: at once, after 1, 5 and
60 seconds. Besides, entries are checked at random, slowly. It runs in a thread of its own; readers never wait for it.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from django.core.cache import caches
from redis.exceptions import RedisError

from ..edge.cache import EdgeCache
from ..engines import engine_of, log_server
from ..metrics.events import emit
from ..ordering.ordering import LogOrdering
from ..ordering.stream import format_position
from ..ordering.tag_index import Record
from .check import CHECKS_AT_ONCE, Checker, Result, Settle, settle_by_time
from .findings import FindingStore, Inconsistency
from .past_cache import Budget, watch_connections
from .sampler import Sampler, Schedule
from .subject import Comparable, everything, subject_of

logger = logging.getLogger("content.caching")

# Records that wait to be looked at. The oldest are dropped.
MOST_RECORDS = 1000
# Seconds between two looks at records, and between two choices at random.
LOOK_EVERY, RANDOM_EVERY = 0.05, 1.0
# Seconds after an error.
DELAY = 1.0
SECONDS_BETWEEN_WARNINGS = 60.0


@dataclass(frozen=True)
class Options:
    """How a verifier works.

    share         of the database's time that all processes together may take for checks, as 0.01
    sample        entries that are chosen after a batch of records
    loads_always  compare each chosen entry with the database. False: only if memory and the shared tier differ, for
                  processes that serve readers, while others compare the shared tier
    scans         also choose entries that are in the shared tier alone
    settle        waits until each commit that is visible now was relayed to the log
    comparable    key, and value or the body of a page -> what is compared of it. None: nothing
    """

    share: float = 0.01
    sample: int = 4
    loads_always: bool = True
    scans: bool = True
    settle: Settle = settle_by_time
    comparable: Comparable = everything


DEFAULTS = Options()


class Verifier:
    """Verifies the cache `alias`. `edge`: makes the pages; without it they are left out.

    Raises ValueError for a cache without an invalidation log.
    """

    def __init__(self, alias: str = "default", *, edge: EdgeCache | None = None, options: Options = DEFAULTS) -> None:
        engine, server, prefix = engine_of(alias), log_server(alias), caches[alias].key_prefix or "cache"
        if server is None or not isinstance(engine.ordering, LogOrdering):
            raise ValueError(f"The cache {alias!r} has no invalidation log, so its entries cannot be verified.")
        self.engine = engine
        self.edge = edge
        self.options = options
        self.findings = FindingStore(server, prefix)
        self.budget = Budget(server, prefix, options.share)
        self.checker = self._checker(engine.ordering, self.budget)
        self.sampler = Sampler(engine, scans=options.scans)
        self.schedule = Schedule()
        self.records: deque[Record] = deque(maxlen=MOST_RECORDS)
        self.warned_at = float("-inf")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread: threading.Thread | None = None
        self._is_stopped = False

    def _checker(self, ordering: LogOrdering, budget: Budget | None) -> Checker:
        options = self.options
        return Checker(
            ordering,
            budget=budget,
            findings=self.findings,
            settle=options.settle,
            comparable=options.comparable,
            loads_always=options.loads_always,
        )

    # --- for the life of a process --------------------------------------------------------------------

    def start(self) -> None:
        """Run in a thread of its own."""
        self._thread = threading.Thread(target=self._run_in_thread, name="cache verifier", daemon=True)
        self._thread.start()

    def _run_in_thread(self) -> None:
        with suppress(asyncio.CancelledError):
            asyncio.run(self.run())

    def stop(self) -> None:
        """Ends within a second or two; a load that runs is not awaited."""
        # Set before the task is looked for, and read after it is set: one of both threads sees the other.
        self._is_stopped = True
        loop, task = self._loop, self._task
        if loop is not None and task is not None and loop.is_running():
            loop.call_soon_threadsafe(task.cancel)
        if self._thread is not None:
            self._thread.join(2.0)

    async def run(self) -> None:
        """Verify until cancelled."""
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        if self._is_stopped:
            return
        watch_connections()
        observers = self.engine.tiers.tag_index.observers
        observers.append(self._observe)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._sample())
                for _ in range(CHECKS_AT_ONCE):
                    group.create_task(self._check_what_is_due())
        finally:
            observers.remove(self._observe)
            await self.checker.close()

    def _observe(self, epoch: str, records: Sequence[Record]) -> None:
        """Called on the thread that reads the log."""
        self.checker.hard_records.observe(epoch, records)
        self.records.extend(records)

    async def _sample(self) -> None:
        chosen_at = float("-inf")
        while True:
            try:
                await self._plan_for_records()
                if time.monotonic() - chosen_at > RANDOM_EVERY:
                    chosen_at = time.monotonic()
                    for key in await self.sampler.any_keys():
                        self._plan(key, "", (0.0,))
            except Exception as error:
                await self._pause_after(error)
            await asyncio.sleep(LOOK_EVERY)

    async def _plan_for_records(self) -> None:
        records, tags = 0, set[str]()
        position = ""
        while self.records and records < MOST_RECORDS:
            record = self.records.popleft()
            records, position = records + 1, format_position(record.position)
            tags.update(record.tags)
        if tags:
            for key in await self.sampler.keys_with(tags, self.options.sample):
                self._plan(key, position)

    def _plan(self, key: str, record: str, *delays: tuple[float, ...]) -> None:
        if self.schedule.add(key, record, *delays):
            emit("unverified", key.partition("@")[0], key, reason="too many checks are due")

    async def _check_what_is_due(self) -> None:
        while True:
            try:
                check = self.schedule.take()
                if check is None:
                    await asyncio.sleep(min(LOOK_EVERY, self.schedule.seconds_to_next()))
                    continue
                await self.check(check.key, check.record)
            except Exception as error:
                await self._pause_after(error)

    async def _pause_after(self, error: Exception) -> None:
        if time.monotonic() - self.warned_at > SECONDS_BETWEEN_WARNINGS:
            self.warned_at = time.monotonic()
            is_expected = isinstance(error, RedisError | OSError)
            logger.warning("Entries are not verified now; retrying: %s", error, exc_info=not is_expected)
        await asyncio.sleep(DELAY)

    # --- by hand --------------------------------------------------------------------------------------

    async def check(self, key: str, record: str = "") -> tuple[Result, Inconsistency | None]:
        """Check the entry of a key now. NOT_LOADED for one that only its reader can load."""
        subject = subject_of(self.engine, self.edge, key)
        if subject is None:
            return Result.NOT_LOADED, None
        return await self.checker.check(subject, record)
