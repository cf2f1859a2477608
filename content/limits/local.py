import threading
import time
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Sequence

from content.limits.rate import Rate
from content.limits.verdict import Verdict

# Times that are remembered, of all keys together: some megabytes.
MOST_TIMES = 20_000


class LocalMeter:
    """Counts in this process alone, in the way that Redis does: a key's latest times, the oldest first.

    Bounded: past the bound that key is forgotten which was allowed nothing for the longest time.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.times: OrderedDict[str, list[float]] = OrderedDict()
        self.count = 0
        self.lock = threading.Lock()

    async def take(self, key: str, rates: Sequence[Rate]) -> Verdict:
        with self.lock:
            return self.taken(key, rates, self.clock())

    def taken(self, key: str, rates: Sequence[Rate], now: float) -> Verdict:
        times = self.times.get(key, [])
        remaining = min(rate.limit - younger(times, now - rate.seconds) for rate in rates)
        if remaining < 1:
            return Verdict(False, 0, max(wait(times, rate, now) for rate in rates))
        self.keep(key, [*times, now][-max(rate.limit for rate in rates) :])
        return Verdict(True, remaining - 1)

    def keep(self, key: str, times: list[float]) -> None:
        self.count += len(times) - len(self.times.get(key, ()))
        self.times[key] = times
        self.times.move_to_end(key)
        while self.count > MOST_TIMES:
            _, forgotten = self.times.popitem(last=False)
            self.count -= len(forgotten)


def younger(times: Sequence[float], than: float) -> int:
    return len(times) - bisect_right(times, than)


def wait(times: Sequence[float], rate: Rate, now: float) -> float:
    """Seconds until that rate allows one more."""
    return max(0.0, times[-rate.limit] + rate.seconds - now) if len(times) >= rate.limit else 0.0
