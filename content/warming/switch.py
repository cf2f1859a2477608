"""The kill switch of warming: `warm_cache --pause [SECONDS]` stops the loop in all workers, `--go-on` ends the pause.

The pause is stored in the cache, with its end. A pause ends by itself, too.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from django.core.cache import caches

logger = logging.getLogger(__name__)

ALIAS = "default"
KEY = "warming:paused-until"
# Seconds.
DEFAULT_PAUSE = 3600
LONGEST_PAUSE = 24 * 3600
# Seconds between two looks at the switch.
LOOK_EVERY = 0.5


async def pause(seconds: int = DEFAULT_PAUSE) -> None:
    """Stop the loop in all workers, for that long at most. Raises the cache's errors."""
    await caches[ALIAS].aset(KEY, int(time.time()) + seconds, timeout=seconds)


async def go_on() -> None:
    """End the pause. Raises the cache's errors."""
    await caches[ALIAS].adelete(KEY)


async def pause_left(now: float | None = None) -> float:
    """Seconds that are left of the pause, 0 without one. Raises the cache's errors."""
    until = await caches[ALIAS].aget(KEY)
    if type(until) is not int:
        return 0.0
    return min(max(0.0, until - (time.time() if now is None else now)), LONGEST_PAUSE)


class Switch:
    """The switch as the loop sees it: read at most twice a second. While the cache is down it stays as it was."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.is_paused = False
        self._looked_at = float("-inf")

    async def allows(self) -> bool:
        if self.clock() - self._looked_at >= LOOK_EVERY:
            self._looked_at = self.clock()
            try:
                was_paused, self.is_paused = self.is_paused, await pause_left() > 0
            except Exception as error:
                logger.info("Cannot read whether warming is paused: %s", error)
            else:
                if was_paused is not self.is_paused:
                    logger.info("Warming is paused." if self.is_paused else "Warming goes on.")
        return not self.is_paused

    async def wait_until_on(self) -> None:
        while True:
            if await self.allows():
                return
            await asyncio.sleep(LOOK_EVERY)
