"""The checks that are due: at once, and after 1, 5 and 60 seconds. Bounded."""

import heapq
import itertools
import time
from collections.abc import Callable
from typing import NamedTuple

# Seconds after a record at which an entry with its tags is checked.
DELAYS = (0.0, 1.0, 5.0, 60.0)
MOST = 2000
# Seconds after which a check is given up. Past the budget it is left to chance which are in time.
LATEST = 2.0


class Check(NamedTuple):
    """`due`: on the schedule's clock. `record`: the position of the record that led to it; "" for none."""

    due: float
    number: int
    key: str
    delay: float
    record: str


class Schedule:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._checks: list[Check] = []
        # A key that is invalidated again and again has one check of each delay.
        self._planned: set[tuple[str, float]] = set()
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._checks)

    def add(self, key: str, record: str = "", delays: tuple[float, ...] = DELAYS) -> int:
        """Returns how many checks found no room."""
        left_out, now = 0, self.clock()
        for delay in delays:
            if (key, delay) in self._planned:
                continue
            if len(self._checks) >= MOST:
                left_out += 1
                continue
            self._planned.add((key, delay))
            heapq.heappush(self._checks, Check(now + delay, next(self._numbers), key, delay, record))
        return left_out

    def take(self) -> Check | None:
        """The next that is due, without those that are too late."""
        while self._checks and self._checks[0].due <= self.clock():
            check = heapq.heappop(self._checks)
            self._planned.discard((check.key, check.delay))
            if self.clock() - check.due < LATEST:
                return check
        return None

    def seconds_to_next(self) -> float:
        return max(0.0, self._checks[0].due - self.clock()) if self._checks else float("inf")
