"""Wait until a condition is true that another process, thread or task changes."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

# A machine that is five times as busy starts a server five times as slowly.
READY_SECONDS = 120.0
# Between two checks.
PAUSE_SECONDS = 0.01
# Tasks of the same event loop need no longer than this.
TURNS = 100


def wait_until(
    condition: Callable[[], object],
    what: str | Callable[[], str],
    seconds: float = READY_SECONDS,
    *,
    pause: float = PAUSE_SECONDS,
) -> None:
    """Block until the condition is true. Fails with `what` after so many seconds. `pause`: between two checks.

    A function in place of `what` is called at the end: it can say what was missing.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what() if callable(what) else what}: not within {seconds:g} s")
        time.sleep(pause)


async def wait_until_async(
    condition: Callable[[], object | Awaitable[object]], what: str, seconds: float = READY_SECONDS
) -> None:
    """Like `wait_until`, without blocking the event loop. The condition may be a coroutine function."""
    deadline, turns = time.monotonic() + seconds, 0
    while not await evaluate(condition):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:g} s")
        turns += 1
        await asyncio.sleep(0 if turns < TURNS else PAUSE_SECONDS)


async def evaluate(condition: Callable[[], object | Awaitable[object]]) -> object:
    result = condition()
    return await result if inspect.isawaitable(result) else result
