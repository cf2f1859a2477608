"""The work of each worker process besides tasks: refreshing, warming, purging the CDN, relaying, verifying."""

import asyncio
import os
import threading
from concurrent.futures import Future

from django.conf import settings

from content import resources
from content.caching.edge.page_worker import PageWorker
from content.caching.engines import engine_of
from content.caching.read_counts import reads
from content.caching.watch.loop import run_relay
from content.cdn.follower import follower_of_site
from content.ops.live.history import record_history
from content.ops.verification import new_verifier
from content.warming.keeper import keep_warm
from content.warming.targets import edge
from workers.loop import worker_loop

# Seconds that the task has to purge for the records which are in the log.
CATCH_UP_SECONDS = 20.0
# Readers' processes on the same machine come first.
NICENESS = 10

# The work by process id, so that a forked process starts its own. The futures keep their coroutines alive.
running: dict[int, list["Future[None]"]] = {}
warming: dict[int, "Future[None]"] = {}


def start_background_work() -> None:
    """Runs for the life of this process, whose reads are not those of readers. A second call has no effect."""
    if os.getpid() in running:
        return
    os.nice(NICENESS)
    reads.exclude_process()
    refreshers = [engine_of(alias).refresher.work() for alias in cache_aliases()]
    works = [*refreshers, make_pages(), follow_log(), record_history()]
    running.clear()
    running[os.getpid()] = [asyncio.run_coroutine_threadsafe(work, worker_loop.start()) for work in works]
    start_warming()
    threading.Thread(target=run_relay, args=(threading.Event(),), name="relay", daemon=True).start()
    verifier = new_verifier()
    if verifier is not None:
        verifier.start()


def start_warming() -> None:
    """Run the control loop in this process, or stand by for its owner. No effect if it does so already."""
    known = warming.get(os.getpid())
    if known is None or known.done():
        warming.clear()
        warming[os.getpid()] = asyncio.run_coroutine_threadsafe(keep_warm(), worker_loop.start())


async def refresh_due() -> int:
    """Refresh the entries in the refresh queue. Returns how many were loaded."""
    return sum([await engine_of(alias).refresher.drain() for alias in cache_aliases()])


async def make_pages() -> None:
    """Make the stale pages that servers have queued, so that they need not."""
    if settings.EDGE:
        await PageWorker(edge()).work()


def cache_aliases() -> set[str]:
    return {resource.cache for resource in resources.ALL}


async def follow_log() -> None:
    """Each process tries; the lease of the follower lets one of them purge."""
    follower = follower_of_site()
    if follower is not None:
        await follower.follow()


async def catch_up_cdn() -> None:
    """Purge for the records that are in the log now, unless another process does."""
    follower = follower_of_site()
    if follower is None:
        return
    try:
        await follower.catch_up(CATCH_UP_SECONDS)
    finally:
        await follower.cdn.close()
