"""Workers tell the CDN: each process is ready to, one at a time does it."""

import asyncio
import os
from concurrent.futures import Future

from content.cdn.follower import follower_of_site
from workers.loop import worker_loop

# Seconds that the task has for what the loop has left.
LONGEST_RUN = 20.0

under_way: dict[int, "Future[None]"] = {}


def start_purging() -> None:
    """On this process's loop, for its whole life; a second call changes nothing."""
    if os.getpid() in under_way:
        return
    under_way.clear()
    under_way[os.getpid()] = asyncio.run_coroutine_threadsafe(followed(), worker_loop.running())


async def followed() -> None:
    follower = follower_of_site()
    if follower is not None:
        await follower.follow()


async def tell_cdn() -> None:
    """What is in the log now, unless a process is at it."""
    follower = follower_of_site()
    if follower is None:
        return
    try:
        await follower.catch_up(LONGEST_RUN)
    finally:
        await follower.cdn.close()
