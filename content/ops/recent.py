"""An answer that is made at most once in a while, for all who ask meanwhile."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


class Recent(Generic[T]):
    """`make` is called at most once in `seconds`, and once at a time in each event loop. Its errors are not kept."""

    def __init__(
        self, make: Callable[[], Awaitable[T]], seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._make = make
        self._seconds = seconds
        self._clock = clock
        self._made: tuple[float, T] | None = None
        self._tasks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[T]] = WeakKeyDictionary()

    async def get(self) -> T:
        """Raises what `make` raises."""
        made = self._made
        if made is not None and self._clock() < made[0] + self._seconds:
            return made[1]
        loop = asyncio.get_running_loop()
        task = self._tasks.get(loop)
        if task is None or task.done():
            task = self._tasks[loop] = loop.create_task(self._run())
        # One who hangs up ends it for nobody else.
        return await asyncio.shield(task)

    async def _run(self) -> T:
        value = await self._make()
        self._made = self._clock(), value
        return value

    def forget(self) -> None:
        self._made = None
