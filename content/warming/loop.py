"""The control loop: compare what should be in the cache with what is there, and load the difference.

*Should*: the hot set, then the whole site, cut at a budget of memory. *Is*: the headers of stored entries, judged by
the invalidation log. An edit storm, a flush, a failover and a new release are the same to it: a difference.

Two rounds run side by side. The hot round comes by after each change of the log, and twice a second else; the site
round takes the rest of the time, and waits while hot entries are cold, while readers' own refreshes are queued, and
while warming is paused. Run it under `Ownership`: one loop for all workers of a release.
"""

import asyncio
import logging
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

from asgiref.sync import sync_to_async
from django.db import close_old_connections
from redis.exceptions import RedisError

from content.caching.backends.server import Server
from content.caching.engine import Engine
from content.caching.metrics.waits import WaitReports
from content.caching.warmed_reads import WarmedReads
from content.warming.catalogue import catalogue
from content.warming.cold import Comparison, compare
from content.warming.coverage import SITE, Coverage, is_fresh
from content.warming.hot_round import COLD_AT_ONCE, HotRound, may_load
from content.warming.hot_set import MOST, ReadHottest, read_hottest
from content.warming.kinds import kind_of
from content.warming.load_control import LoadControl
from content.warming.loading import WarmLoader
from content.warming.loop_register import LoopRegister
from content.warming.memory_budget import MemoryBudget, Room, read_memory_info
from content.warming.pass_record import PassRecord
from content.warming.process_coverage import publish_hot_keys
from content.warming.run import split
from content.warming.site_round import SiteRound
from content.warming.state import WarmState, store_state
from content.warming.switch import Switch
from content.warming.targets import Plan, Target, plan_pages
from content.warming.unread import UnreadEntries

logger = logging.getLogger(__name__)

# Seconds between two rounds of the hot set. Between two of the whole site there are ten times as long as one takes,
# within these bounds: comparing takes a tenth of a core at most.
HOT_EVERY, SITE_EVERY = 0.5, (2.0, 20.0)
# Seconds for which an entry of the site must stay fresh, at most.
LONGEST_HORIZON = 600.0
# Targets of the site that are compared at once.
CHUNK = 500
# Seconds between two looks at the log's version, at what readers queued, and after a failure.
LOOK, RETRY = 0.05, 0.5
# Seconds that the site round waits for the refresh queue, at most.
LONGEST_QUEUE = 2.0
# Seconds between two reports.
REPORT_EVERY = 1.0
# Between two publications of the hot set, which processes compare with their memory.
PUBLISH_EVERY = 15.0

Everything = Callable[[], AsyncIterator[Plan]]


async def plan_site() -> AsyncIterator[Plan]:
    """The whole site in chunks: entries before the pages that show them. The catalogue is read twice, not kept."""
    async for chunk in catalogue():
        for plan in split([*chunk.entries, *(await plan_pages(chunk.paths) if chunk.is_hot else ())], CHUNK):
            yield plan
    async for chunk in catalogue():
        for plan in split([] if chunk.is_hot else await plan_pages(chunk.paths), CHUNK):
            yield plan


class WarmLoop:
    """`server`: the Redis of entries and reports, None for a cache of another kind.

    `register`: of the loops of all releases; None if this one has the whole budget.
    """

    def __init__(
        self,
        engine: Engine,
        server: Server | None = None,
        waits: WaitReports | None = None,
        *,
        read_hottest: ReadHottest = read_hottest,
        everything: Everything = plan_site,
        control: LoadControl | None = None,
        budget: MemoryBudget | None = None,
        register: LoopRegister | None = None,
    ) -> None:
        self.engine = engine
        self.server = server
        self.waits = waits
        self.everything = everything
        self.control = control if control is not None else LoadControl()
        self.budget = budget if budget is not None else MemoryBudget()
        self.register = register
        self.switch = Switch()
        versions = WarmedReads(engine.heat.server, engine.heat.prefix) if engine.heat is not None else None
        self.unread = UnreadEntries(versions)
        self.loader = WarmLoader(engine, self.control, self.unread)
        self.hot = HotRound(engine, self.loader, self.budget, read_hottest)
        self.site = SiteRound(Room(None))
        self.last_site: SiteRound | None = None
        self.hot_record, self.site_record = PassRecord("hot set"), PassRecord("whole site")
        # The chores beside the rounds, again and again.
        self.others: Sequence[Callable[[], Awaitable[None]]] = ()
        self.published_at = float("-inf")

    async def run(self) -> None:
        """Warm until cancelled."""
        with self.hot.following():
            await self._run_all()

    async def _run_all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for work in (self.keep_hot_warm, self.keep_site_warm, self.keep_informed, *self.others):
                group.create_task(self._repeat(work))

    async def _repeat(self, work: Callable[[], Awaitable[None]]) -> None:
        """An error of one round must not end the next."""
        while True:
            await self.switch.wait_until_on()
            try:
                await work()
            except Exception:
                logger.exception("A round of warming failed; the next begins in a moment.")
                await asyncio.sleep(RETRY)

    # --- the hot set --------------------------------------------------------------------------------

    async def keep_hot_warm(self) -> None:
        """Called after each record, and else twice a second."""
        before = self.hot.read_back
        is_more = await self.hot.run()
        await self.hot_record.add(
            self.hot.read_back - before, planned=self.hot.entries, cold=self.hot.entries - self.hot.warm
        )
        if is_more:
            return
        await self.hot_record.end(
            planned=self.hot.entries,
            failed=max(0, self.hot.entries - self.hot.warm - self.hot.left_out),
            left_out=self.hot.left_out,
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(HOT_EVERY):
                await self.hot.has_records.wait()

    # --- the whole site -----------------------------------------------------------------------------

    async def keep_site_warm(self) -> None:
        epoch = await self._epoch()
        await self.warm_site()

        async def is_emptied() -> bool:
            return await self._epoch() != epoch

        await wait_until(is_emptied, min(max(SITE_EVERY[0], 10 * self.site.seconds), SITE_EVERY[1]), RETRY)
        if await is_emptied():
            self.budget.forget()

    async def warm_site(self) -> None:
        """One round over the whole site. Memory stays the same, however large the site is."""
        await sync_to_async(close_old_connections)()
        self.budget.begin_pass(await read_memory_info(self.server))
        await self.hot.is_warm.wait()
        self.site = SiteRound(self.hot.room.copy())
        horizon = min(LONGEST_HORIZON, SITE_EVERY[1] + 2 * (self.last_site.seconds if self.last_site else 0.0))
        async for chunk in self.everything():
            await self._give_way()
            await self._warm_chunk(chunk, horizon)
        self.site.end()
        site = self.site
        await self.site_record.end(
            planned=site.entries, failed=max(0, site.entries - site.warm - site.left_out), left_out=site.left_out
        )
        self.hot.filling = self.site.first
        if self.last_site is None:
            logger.info(
                "Background warming has come to the end of the site: %d of %d entries are fresh, after %.1f s.",
                self.hot.warm + self.site.warm,
                self.hot.entries + self.site.entries,
                self.site.seconds,
            )
        self.last_site = self.site

    async def _warm_chunk(self, chunk: Plan, horizon: float) -> None:
        self.site.first += chunk[: MOST - len(self.site.first)]
        should = {key: target for target in chunk if not self.hot.covers(key := str(target))}
        comparison = await self._compare(should, horizon)
        fits = self.site.add(should, {key: stored.size for key, stored in comparison.stored.items()})
        cold = [entry for entry in comparison.cold if entry.key in fits and may_load(self.loader, self.budget, entry)]
        for first in range(0, len(cold), COLD_AT_ONCE):
            await self._give_way()
            await self.loader.load(cold[first : first + COLD_AT_ONCE], horizon)
        if cold:
            # Only what is read back fresh counts as warm (I13).
            comparison = await self._compare(should, horizon)
            still_cold = {entry.key for entry in comparison.cold}
            warmed = sum(entry.key not in still_cold for entry in cold)
            await self.site_record.add(warmed, planned=self.site.entries, cold=len(still_cold))
        self.site.measure(len(should) - len(comparison.cold), [stored.size for stored in comparison.stored.values()])
        now = self.engine.clock()
        for key, target in should.items():
            self.site.counts.add(kind_of(target), is_fresh=is_fresh(comparison.stored.get(key), now))

    async def _compare(self, should: Mapping[str, Target], horizon: float) -> Comparison:
        """Waits while nothing can be said."""
        while True:
            comparison = await compare(self.engine, should, horizon)
            if comparison is not None:
                return comparison
            await asyncio.sleep(RETRY)

    async def _give_way(self) -> None:
        """Give way to a pause, to the hot set, and to readers who asked for a refresh."""
        await self.switch.wait_until_on()
        await self.hot.is_warm.wait()
        await wait_until(self._is_queue_empty, LONGEST_QUEUE, LOOK)

    async def _is_queue_empty(self) -> bool:
        queue = self.engine.refresher.queue
        try:
            return queue is None or not await queue.count()
        except (RedisError, OSError):
            return False

    async def _epoch(self) -> str:
        stamp = await self.engine.ordering.begin()
        return stamp.epoch if stamp is not None else ""

    # --- readers and reports ------------------------------------------------------------------------

    async def keep_informed(self) -> None:
        await asyncio.sleep(REPORT_EVERY)
        try:
            wait = await self.waits.mean() if self.waits is not None else None
            if wait is not None:
                self.control.record_readers(wait)
            await self.unread.settle()
            if self.register is not None:
                self.share(await self.register.report())
            await store_state(self.state())
            await self._publish_hot_keys()
        except (RedisError, OSError) as error:
            logger.debug("Warming cannot report: %s", error)

    def share(self, loops: int) -> None:
        """Note how many loops run, one for each release: they share one budget."""
        if loops != self.budget.loops:
            logger.info("Loops of %d releases share the budget of warming.", loops)
            self.budget.loops = loops
            self.control.share(loops)
            self.loader.share(loops)

    async def _publish_hot_keys(self) -> None:
        if self.hot.kinds and time.monotonic() - self.published_at >= PUBLISH_EVERY:
            self.published_at = time.monotonic()
            await publish_hot_keys(self.hot.hot_keys())

    def coverage(self) -> Coverage:
        """The coverage of the hot set now; that of the rest of the site is of its last round."""
        hottest, site = self.hot.count_coverage()
        site.add_all((self.last_site or self.site).counts)
        return Coverage.of({**hottest, SITE: site})

    def state(self) -> WarmState:
        site = self.last_site or self.site
        return WarmState(
            host=socket.gethostname(),
            pid=os.getpid(),
            at=time.time(),
            hot=self.hot.entries,
            hot_warm=self.hot.warm,
            site=self.hot.entries + site.entries,
            site_warm=self.hot.warm + site.warm,
            left_out=site.left_out + self.hot.left_out,
            evicted=len(self.budget.left_out),
            mean_size=site.mean_size,
            budget=self.budget.bytes,
            limit=self.control.limit,
            pass_seconds=self.last_site.seconds if self.last_site else None,
            coverage=self.coverage(),
        )


async def wait_until(condition: Callable[[], Awaitable[bool]], seconds: float, interval: float) -> None:
    """Wait for a condition that other processes bring about, that long at most."""
    until = time.monotonic() + seconds
    while True:
        if await condition() or time.monotonic() >= until:
            return
        await asyncio.sleep(interval)
