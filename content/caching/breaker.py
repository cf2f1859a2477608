"""A circuit breaker: what does not answer is left alone for a while, and then asked by one."""

import time
from collections.abc import Callable

FAILURES = 3
FIRST_REST = 0.5
LONGEST_REST = 5.0


class Breaker:
    """Closed: all go through. Open, after three failures in a row: none. Then one, whose fate decides."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.failures = 0
        self.rest = FIRST_REST
        self.open_until = float("-inf")

    @property
    def is_open(self) -> bool:
        return self.clock() < self.open_until

    def lets_through(self) -> bool:
        if self.failures < FAILURES:
            return True
        if self.is_open:
            return False
        # This one goes and sees; the others wait for what it finds.
        self.open_until = self.clock() + self.rest
        return True

    def worked(self) -> None:
        self.failures, self.rest, self.open_until = 0, FIRST_REST, float("-inf")

    def failed(self) -> None:
        self.failures += 1
        if self.failures > FAILURES:
            self.rest = min(self.rest * 2, LONGEST_REST)
        if self.failures >= FAILURES:
            self.open_until = self.clock() + self.rest
