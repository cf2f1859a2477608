"""A circuit breaker: a server that does not answer is left alone for a while, and then probed."""

import time
from collections.abc import Callable

FAILURES = 3
FIRST_REST = 0.5
LONGEST_REST = 1.0


class Breaker:
    """Closed: all go through. Open, after three failures in a row: none, until a probe has worked."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.failures = 0
        self.rest = FIRST_REST
        self.open_until = float("-inf")

    @property
    def is_open(self) -> bool:
        return self.failures >= FAILURES

    def may_probe(self) -> bool:
        """Whether its rest has ended. True for one caller a rest, the first."""
        if not self.is_open or self.clock() < self.open_until:
            return False
        self.open_until = self.clock() + self.rest
        return True

    def record_success(self) -> None:
        self.failures, self.rest, self.open_until = 0, FIRST_REST, float("-inf")

    def record_failure(self) -> None:
        self.failures += 1
        if self.failures > FAILURES:
            self.rest = min(self.rest * 2, LONGEST_REST)
        if self.failures >= FAILURES:
            self.open_until = self.clock() + self.rest
