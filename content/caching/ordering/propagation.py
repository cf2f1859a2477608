"""How long invalidations take from their append to this process."""

import time
from collections.abc import Callable

# Seconds after which the longest is measured anew.
PERIOD = 60.0


class Propagation:
    """Remembers the longest time of this period and of the one before."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._longest: dict[int, float] = {}

    def add(self, seconds: float) -> None:
        """The time of one record. 0 for a negative one: Redis's clock was set back."""
        period = int(self.clock() // PERIOD)
        kept = {each: value for each, value in self._longest.items() if each == period - 1}
        self._longest = kept | {period: max(seconds, 0.0, self._longest.get(period, 0.0))}

    def longest(self) -> float | None:
        """Seconds. None if no record has come within one to two periods."""
        period = int(self.clock() // PERIOD)
        return max((value for each, value in self._longest.items() if each >= period - 1), default=None)
