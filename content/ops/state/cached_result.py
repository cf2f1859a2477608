"""Results that several callers share for a while."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")

# Seconds that a measurement may take, and for which it is kept.
LONGEST, CACHE_SECONDS = 0.6, 1.0


class CachedResult(Generic[T]):
    """Calls `compute` at most once in `seconds`, and once at a time in each event loop. Errors are not cached."""

    def __init__(
        self, compute: Callable[[], Awaitable[T]], seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._compute = compute
        self._seconds = seconds
        self._clock = clock
        self._cached: tuple[float, T] | None = None
        self._tasks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[T]] = WeakKeyDictionary()

    async def get(self) -> T:
        """Raises the errors of `compute`."""
        cached = self._cached
        if cached is not None and self._clock() < cached[0] + self._seconds:
            return cached[1]
        loop = asyncio.get_running_loop()
        task = self._tasks.get(loop)
        if task is None or task.done():
            task = self._tasks[loop] = loop.create_task(self._run())
        # A caller that is cancelled does not cancel the task of the others.
        return await asyncio.shield(task)

    async def _run(self) -> T:
        value = await self._compute()
        self._cached = self._clock(), value
        return value

    def clear(self) -> None:
        self._cached = None


async def within_bound(measurement: CachedResult[T]) -> T | None:
    """The result. None after an error, and after LONGEST seconds; the next caller then waits for the same one."""
    return await result_in_time(measurement.get())


async def result_in_time(measuring: Awaitable[T]) -> T | None:
    """None after an error, and after LONGEST seconds."""
    try:
        return await asyncio.wait_for(measuring, LONGEST)
    except Exception:
        # A service that is down shows in the metric of its name.
        return None
