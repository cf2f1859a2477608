"""Meters count: in Redis by times, in Memcached by windows of the clock, or in this process."""

import threading
import time
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol
from weakref import WeakKeyDictionary

from django.core.cache import BaseCache, caches

from content.caching.backends import MemcachedCache, RedisCache
from content.caching.engine import Engine
from content.caching.engines import engine_of
from content.caching.stores.failsafe import Failsafe
from content.caching.stores.shared import CacheTier, RedisTier
from content.limits.rate import Rate, Verdict

TAKE = (Path(__file__).parent / "window.lua").read_text()
MICROSECONDS = 1_000_000
# Times of all keys in the memory of this process: some megabytes.
MOST_TIMES = 20_000


class Meter(Protocol):
    async def take(self, key: str, rates: Sequence[Rate]) -> Verdict: ...


class RedisMeter:
    """A list of times for each key, and one round trip for all rates, by the clock of Redis.

    It takes about ten bytes for each of the largest limit, for the time of the longest rate.
    """

    def __init__(self, cache: RedisCache) -> None:
        self.cache = cache

    async def take(self, key: str, rates: Sequence[Rate]) -> Verdict:
        arguments = [number for rate in rates for number in (rate.limit, int(rate.seconds * MICROSECONDS))]
        result = await self.cache.write("EVAL", TAKE, 1, self.cache.full_key(key, None), *arguments)
        allowed, remaining, wait = result
        return Verdict(bool(allowed), remaining, wait / MICROSECONDS)


class WindowMeter:
    """One number for each rate and window of the clock, in any cache that counts.

    Weaker than times: around the end of a window twice the limit may pass, refused calls count as well, and
    a cache that loses a number allows all of it again.
    """

    def __init__(self, cache: BaseCache, clock: Callable[[], float] = time.time) -> None:
        self.cache = cache
        self.clock = clock

    async def take(self, key: str, rates: Sequence[Rate]) -> Verdict:
        """Count the shortest time first, so that a refusal by the minute does not use up the hour."""
        now, remaining = self.clock(), max(rate.limit for rate in rates)
        for rate in sorted(rates, key=lambda rate: rate.seconds):
            window, passed = divmod(now, rate.seconds)
            count = await self.increment(f"{key}:{rate.seconds:g}:{window:.0f}", rate)
            if count > rate.limit:
                return Verdict(False, 0, rate.seconds - passed)
            remaining = min(remaining, rate.limit - count)
        return Verdict(True, remaining)

    async def increment(self, key: str, rate: Rate) -> int:
        """Count one. A stored value that is not a number is overwritten."""
        timeout = int(rate.seconds) + 1
        await self.cache.aadd(key, 0, timeout=timeout)
        try:
            return await self.cache.aincr(key)
        except Exception:
            # Each client library raises its own. If the server is down, this raises as well.
            await self.cache.aset(key, 1, timeout=timeout)
            return 1


class LocalMeter:
    """A list of times for each key in this process, as in Redis: the oldest first.

    Bounded: past the bound it forgets the key whose last allowed time is the oldest.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.times: OrderedDict[str, list[float]] = OrderedDict()
        self.count = 0
        self.lock = threading.Lock()

    async def take(self, key: str, rates: Sequence[Rate]) -> Verdict:
        with self.lock:
            return self.take_at(self.clock(), key, rates)

    def take_at(self, now: float, key: str, rates: Sequence[Rate]) -> Verdict:
        times = self.times.get(key, [])
        remaining = min(rate.limit - count_after(times, now - rate.seconds) for rate in rates)
        if remaining < 1:
            return Verdict(False, 0, max(wait(times, rate, now) for rate in rates))
        self.store(key, [*times, now][-max(rate.limit for rate in rates) :])
        return Verdict(True, remaining - 1)

    def store(self, key: str, times: list[float]) -> None:
        self.count += len(times) - len(self.times.get(key, ()))
        self.times[key] = times
        self.times.move_to_end(key)
        while self.count > MOST_TIMES:
            _, oldest = self.times.popitem(last=False)
            self.count -= len(oldest)


def count_after(times: Sequence[float], start: float) -> int:
    return len(times) - bisect_right(times, start)


def wait(times: Sequence[float], rate: Rate, now: float) -> float:
    """Seconds until that rate allows one more."""
    return max(0.0, times[-rate.limit] + rate.seconds - now) if len(times) >= rate.limit else 0.0


class SharedMeter:
    """A meter on a server, behind its own circuit breaker: None without a wait while the server is down."""

    def __init__(self, alias: str, tier: CacheTier, meter: Meter) -> None:
        self.meter = meter
        self.failsafe = Failsafe(tier, alias)

    async def take(self, key: str, rates: Sequence[Rate]) -> Verdict | None:
        async def attempt() -> Verdict | None:
            return await self.meter.take(key, rates)

        return await self.failsafe.attempt(attempt, None)


# They end with the engine of their cache.
_shared_meters: "WeakKeyDictionary[Engine, SharedMeter | None]" = WeakKeyDictionary()


def shared_meter(alias: str) -> SharedMeter | None:
    """The meter of an alias; None for a cache of this process, and for one that counts nothing."""
    engine = engine_of(alias)
    if engine not in _shared_meters:
        _shared_meters[engine] = make_shared_meter(alias)
    return _shared_meters[engine]


def make_shared_meter(alias: str) -> SharedMeter | None:
    cache = caches[alias]
    if isinstance(cache, RedisCache):
        tier = RedisTier(alias)
        return SharedMeter(alias, tier, RedisMeter(tier.cache))
    if isinstance(cache, MemcachedCache):
        other = CacheTier(alias)
        return SharedMeter(alias, other, WindowMeter(other.cache))
    return None
