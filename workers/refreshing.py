"""Workers drain the refresh queue: keys that readers found stale are loaded before the next reader comes."""

import asyncio
import os
from concurrent.futures import Future

from content import resources
from content.caching.engines import engine_of
from workers.loop import worker_loop

under_way: dict[int, list["Future[None]"]] = {}


def start_refreshing() -> None:
    """On this process's loop, for its whole life; a second call changes nothing."""
    if os.getpid() in under_way:
        return
    loop = worker_loop.running()
    under_way.clear()
    under_way[os.getpid()] = [
        asyncio.run_coroutine_threadsafe(engine_of(alias).refresher.work(), loop) for alias in aliases()
    ]


async def drain_due() -> int:
    """What is due now; how many keys were loaded."""
    return sum([await engine_of(alias).refresher.drain() for alias in aliases()])


def aliases() -> set[str]:
    return {resource.cache for resource in resources.ALL}
