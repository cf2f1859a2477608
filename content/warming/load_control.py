"""How much warming may load: one budget of loads at once and loads a second, which adapts to latency.

The rule is that of TCP (additive increase, multiplicative decrease), with load times as the sign of congestion, as in
TCP Vegas and Netflix's concurrency-limits. A kind of loads has a usual time: the least that its recent mean has been.
While the recent mean is more than three times the usual, each load takes a tenth off the limit; else it adds a tenth.
A limit of less than one load at once means one load, and rests between loads.

Waits of readers count in the same way. They alone never take the limit below one: the readers of an empty cache wait
because it is empty, and to stop filling it would not help them. If loads are slow as well, both want the same thing,
the database or the processor, and warming stops for as long as readers wait.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

# Loads at once. The floor is one load at a time for a tenth of the time.
FLOOR, FIRST, MOST = 0.1, 2.0, 8.0
# Entries a second.
RATE = 500.0
# Times the usual, from which on a load is slow.
TOLERANCE = 3.0
SHRINK, GROW = 0.9, 0.1
# The share of a new time in the recent mean.
NEW_SHARE = 0.2
# Seconds in which the usual time rises half of the way to the recent one: a site that has grown is no slow database.
HALF_LIFE = 300.0
# Seconds of a reader's mean wait, from which on readers suffer if loads are slow as well.
SUFFERING = 0.1
# Seconds for which warming stops then.
STOP = 2.0
# Seconds that nothing may wait longer for its turn.
LONGEST_REST = 10.0
READERS = "readers"


class LoadTimes:
    """The recent and the usual time of one kind of loads, in seconds."""

    def __init__(self, seconds: float, now: float, expected: float = float("inf")) -> None:
        self.recent, self.usual = seconds, min(seconds, expected)
        self.at = now

    def add(self, seconds: float, now: float) -> None:
        self.recent += (seconds - self.recent) * NEW_SHARE
        if self.recent < self.usual:
            self.usual = self.recent
        else:
            self.usual += (self.recent - self.usual) * (1 - 0.5 ** (max(0.0, now - self.at) / HALF_LIFE))
        self.at = now

    @property
    def is_slow(self) -> bool:
        return self.recent > TOLERANCE * self.usual


class LoadControl:
    """The budget of the loop. `sleep` and `clock` are asyncio's and time's, except in tests."""

    def __init__(
        self,
        *,
        most: float = MOST,
        rate: float = RATE,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        # The budget of all loops, and the share of this one.
        self.budget = (most, rate)
        self.most = most
        self.rate = rate
        self.clock = clock
        self.sleep = sleep
        self.limit = min(FIRST, most)
        self.running = 0
        self.times: dict[str, LoadTimes] = {}
        # No load begins before this time.
        self._rest_until = float("-inf")
        self._freed = asyncio.Event()

    def share(self, loops: int) -> None:
        """Share the budget among so many loops in equal parts: two releases beside each other have one each."""
        self.most, self.rate = (each / loops for each in self.budget)
        self.limit = min(self.limit, self.most)

    # --- taking turns -------------------------------------------------------------------------------

    @asynccontextmanager
    async def turn(self, kind: str, entries: int = 1) -> AsyncIterator[None]:
        """Wait until a load of that kind may begin, run the block, and learn from its time and its errors."""
        await self._wait(entries)
        self.running += 1
        began = self.clock()
        try:
            yield
        except Exception:
            self.shrink(0.5)
            raise
        else:
            self.record(kind, self.clock() - began, entries)
        finally:
            self.running -= 1
            self._rest(self.clock() - began)
            self._freed.set()

    async def _wait(self, entries: int) -> None:
        while True:
            rest = min(self._rest_until - self.clock(), LONGEST_REST)
            if rest > 0:
                await self.sleep(rest)
            elif self.running >= max(1.0, self.limit):
                self._freed.clear()
                await self._freed.wait()
            else:
                break
        self._rest_until = max(self._rest_until, self.clock()) + entries / self.rate

    def _rest(self, seconds: float) -> None:
        """Pause after a load that took so long: with a limit of a tenth, nine times as long."""
        if self.limit < 1:
            rest = min(seconds * (1 / self.limit - 1), LONGEST_REST)
            self._rest_until = max(self._rest_until, self.clock() + rest)

    # --- learning -----------------------------------------------------------------------------------

    @property
    def is_congested(self) -> bool:
        """Whether loads of warming itself are slow."""
        return any(times.is_slow for kind, times in self.times.items() if kind != READERS)

    def record(self, kind: str, seconds: float, entries: int = 1) -> None:
        """One load of that kind took so long. It is compared with others of about as many entries."""
        size = entries.bit_length()
        name = f"{kind} {size}"
        if name not in self.times and (expected := self._expect(kind, size)) is not None:
            self.times[name] = LoadTimes(seconds, self.clock(), expected)
        if self._is_slow(name, seconds):
            self.shrink(SHRINK)
        else:
            # Below one it grows by a tenth of itself, as it shrank.
            self.limit = min(self.most, self.limit + GROW * min(1.0, self.limit))

    def record_readers(self, seconds: float) -> None:
        """The readers of the last second who waited for a load waited so long, on average."""
        if not self._is_slow(READERS, seconds):
            return
        if self.is_congested:
            self.shrink(0.5)
            if seconds >= SUFFERING:
                self._rest_until = max(self._rest_until, self.clock() + STOP)
        else:
            self.limit = max(min(self.limit, 1.0), self.limit * 0.5)

    def _expect(self, kind: str, size: int) -> float | None:
        """The usual time of a size that is new, by the nearest known: a database may be slow when a size first comes.

        Twice as many entries take up to 1.4 times as long; fewer may take as long.
        """
        known = {other: times for other in range(64) if (times := self.times.get(f"{kind} {other}")) is not None}
        if not known:
            return None
        nearest = min(known, key=lambda other: abs(other - size))
        return float(known[nearest].usual * 2 ** (max(0, size - nearest) / 2))

    def shrink(self, factor: float) -> None:
        self.limit = max(FLOOR, self.limit * factor)

    def _is_slow(self, kind: str, seconds: float) -> bool:
        times = self.times.get(kind)
        if times is None:
            self.times[kind] = LoadTimes(seconds, self.clock())
            return False
        times.add(seconds, self.clock())
        return times.is_slow
