"""How the processes of a site count together: in Redis by times, in Memcached by windows, else not at all."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol
from weakref import WeakKeyDictionary

from django.core.cache import caches

from content.caching.backends import MemcachedCache, RedisCache
from content.caching.engine import Engine
from content.caching.engines import engine_of
from content.caching.stores.failsafe import Failsafe
from content.caching.stores.shared import CacheTier, RedisTier
from content.limits.rate import Rate
from content.limits.verdict import Verdict
from content.limits.windows import WindowMeter

TAKE = (Path(__file__).parent / "window.lua").read_text()
MICROSECONDS = 1_000_000


class Meter(Protocol):
    async def take(self, key: str, rates: Sequence[Rate]) -> Verdict: ...


class RedisMeter:
    """A list of times for each key, one round trip for any number of rates, by the clock of Redis.

    Some ten bytes for each of the largest limit, for as long as the longest rate.
    """

    def __init__(self, cache: RedisCache) -> None:
        self.cache = cache

    async def take(self, key: str, rates: Sequence[Rate]) -> Verdict:
        arguments = [number for rate in rates for number in (rate.limit, int(rate.seconds * MICROSECONDS))]
        answer = await self.cache.write("EVAL", TAKE, 1, self.cache.full_key(key, None), *arguments)
        allowed, remaining, wait = answer
        return Verdict(bool(allowed), remaining, wait / MICROSECONDS)


class SharedMeter:
    """A server's count behind a breaker of its own: None while it is away, without waiting for it."""

    def __init__(self, alias: str, tier: CacheTier, meter: Meter) -> None:
        self.meter = meter
        self.failsafe = Failsafe(tier, alias)

    async def take(self, key: str, rates: Sequence[Rate]) -> Verdict | None:
        return await self.failsafe.attempt(lambda: self.asked(key, rates), None)

    async def asked(self, key: str, rates: Sequence[Rate]) -> Verdict | None:
        return await self.meter.take(key, rates)


# They end with the engine of their cache.
meters: "WeakKeyDictionary[Engine, SharedMeter | None]" = WeakKeyDictionary()


def shared_meter(alias: str) -> SharedMeter | None:
    """None where the cache is this process's own, or counts nothing."""
    engine = engine_of(alias)
    if engine not in meters:
        meters[engine] = made(alias)
    return meters[engine]


def made(alias: str) -> SharedMeter | None:
    cache = caches[alias]
    if isinstance(cache, RedisCache):
        tier = RedisTier(alias)
        return SharedMeter(alias, tier, RedisMeter(tier.cache))
    if isinstance(cache, MemcachedCache):
        other = CacheTier(alias)
        return SharedMeter(alias, other, WindowMeter(other.cache))
    return None
