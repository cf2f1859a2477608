"""The watchdog of systemd, for the parent and its workers.

The parent gives the signs of life. It kills a worker whose event loop does not turn, and starts another: systemd
would end all of them.
"""

import asyncio
from collections.abc import Callable

from content.liveness import beat, beat_interval, watchdog_seconds
from project.serving.worker import Worker

# Looks at a worker within the time of the watchdog. Several, because a parent that was stopped itself for that long
# has not read the signs of life that arrived meanwhile.
LOOKS = 4


async def give_signs_of_life() -> None:
    """Runs until it is cancelled."""
    interval = beat_interval()
    while interval is not None:
        beat()
        await asyncio.sleep(interval)
    await asyncio.Event().wait()


async def kill_if_silent(worker: Worker, log: Callable[[str], None]) -> None:
    """Kill the worker once it has given no sign of life for the time of the watchdog. Runs until it is cancelled."""
    seconds = watchdog_seconds()
    silent = 0
    while seconds is not None:
        await asyncio.sleep(seconds / LOOKS)
        silent = 0 if worker.count_beats() else silent + 1
        if silent == LOOKS:
            log(f"The event loop of {worker} has not turned for {seconds:g} s: it is killed.")
            worker.kill()
            break
    await asyncio.Event().wait()
