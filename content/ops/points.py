"""A point of history, and rates between two points: counters are stored, so that a gap in between heals itself."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

# Seconds between two points of the history, and points in all: an hour.
EVERY, MOST = 5, 720
# Seconds: between the two points of a rate at best, and at least. Processes report every five.
WINDOW, SHORTEST = 15.0, 2.0
BUCKETS = "request_seconds."


class Point(msgspec.Struct, frozen=True):
    """Counters and gauges at one time, in Unix seconds. Counters of two epochs cannot be compared."""

    at: float
    epoch: str
    counters: dict[str, float] = {}
    gauges: dict[str, float] = {}


@dataclass(frozen=True)
class Window:
    """The time between two points; rates are None without an earlier one."""

    now: Point
    before: Point | None = None

    @classmethod
    def of(cls, now: Point, history: Iterable[Point], seconds: float = WINDOW) -> "Window":
        """A window from the latest point that is at least so many seconds old, or else from the oldest."""
        comparable = [each for each in history if each.epoch == now.epoch and now.at - each.at >= SHORTEST]
        old = [each for each in comparable if now.at - each.at >= seconds]
        before = max(old, key=at_of) if old else min(comparable, key=at_of, default=None)
        return cls(now, before)

    @property
    def seconds(self) -> float:
        return self.now.at - self.before.at if self.before is not None else 0.0

    def gauge(self, name: str) -> float | None:
        return self.now.gauges.get(name)

    def names_below(self, prefix: str) -> list[str]:
        """The rest of the names of gauges that begin with `prefix`, in their order."""
        return sorted(name.removeprefix(prefix) for name in self.now.gauges if name.startswith(prefix))

    def delta(self, *names: str) -> float | None:
        """The growth of all these together; None if one of them is not known, or has shrunk."""
        if self.before is None or not all(name in self.now.counters for name in names):
            return None
        growths = [self.now.counters[name] - self.before.counters.get(name, 0.0) for name in names]
        return sum(growths) if min(growths, default=-1.0) >= 0 else None

    def rate(self, *names: str) -> float | None:
        """A second."""
        delta = self.delta(*names)
        return delta / self.seconds if delta is not None else None

    def share(self, names: Iterable[str], of: Iterable[str]) -> float | None:
        """None if nothing was counted."""
        part, whole = self.delta(*names), self.delta(*of)
        return part / whole if part is not None and whole else None

    def quantile(self, quantile: float) -> float | None:
        """Seconds: the upper bound of the bucket in which it lies."""
        bounds = sorted(
            (float(name.removeprefix(BUCKETS)), name) for name in self.now.counters if name.startswith(BUCKETS)
        )
        counts = [(bound, self.delta(name) or 0.0) for bound, name in bounds]
        whole, seen = sum(count for _, count in counts), 0.0
        for bound, count in counts:
            seen += count
            if whole and seen >= quantile * whole:
                return bound
        return None


def at_of(point: Point) -> float:
    return point.at
