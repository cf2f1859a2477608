import time
from collections.abc import Callable, Sequence

from django.core.cache import BaseCache

from content.limits.rate import Rate
from content.limits.verdict import Verdict


class WindowMeter:
    """Any cache that counts: one number for each rate and window of the clock.

    Weaker than times: around the end of a window twice the limit may pass, those who are refused count as well, and
    a cache that forgets a number allows all of it again.
    """

    def __init__(self, cache: BaseCache, clock: Callable[[], float] = time.time) -> None:
        self.cache = cache
        self.clock = clock

    async def take(self, key: str, rates: Sequence[Rate]) -> Verdict:
        """The shortest time first: what the minute refuses does not use up the hour."""
        now, remaining = self.clock(), max(rate.limit for rate in rates)
        for rate in sorted(rates, key=lambda rate: rate.seconds):
            window, passed = divmod(now, rate.seconds)
            count = await self.counted(f"{key}:{rate.seconds:g}:{window:.0f}", rate)
            if count > rate.limit:
                return Verdict(False, 0, rate.seconds - passed)
            remaining = min(remaining, rate.limit - count)
        return Verdict(True, remaining)

    async def counted(self, key: str, rate: Rate) -> int:
        """A stored value that cannot be counted up is not ours: the count begins anew."""
        timeout = int(rate.seconds) + 1
        await self.cache.aadd(key, 0, timeout=timeout)
        try:
            return await self.cache.aincr(key)
        except Exception:
            # Each client library raises its own. If the server is down, this raises as well.
            await self.cache.aset(key, 1, timeout=timeout)
            return 1
