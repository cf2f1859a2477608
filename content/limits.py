"""Rate limits by key, counted for all processes together.

posting = Limit("posting", Rate(5, timedelta(minutes=1)), Rate(20, timedelta(hours=1)))

verdict = await posting.take(client_network(address))
if not verdict.allowed: ...  # try again after verdict.retry_after seconds
"""

import math
import threading
import time
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Protocol
from weakref import WeakKeyDictionary

from django.conf import settings
from django.core.cache import BaseCache, caches

from content.caching.backends import MemcachedCache, RedisCache
from content.caching.engine import Engine
from content.caching.engines import engine_of
from content.caching.stores.failsafe import Failsafe
from content.caching.stores.shared import CacheTier, RedisTier

LARGEST_LIMIT = 1000
UNKNOWN_CLIENT = "unknown"
# One household or one rented server gets a /64 of IPv6, and uses any address in it.
IPV6_PREFIX = 64
MICROSECONDS = 1_000_000
# Times of all keys in the memory of this process: some megabytes.
MOST_TIMES = 20_000
# Meters by engine: a meter ends with the engine of its cache.
_shared_meters: "WeakKeyDictionary[Engine, SharedMeter | None]" = WeakKeyDictionary()


@dataclass(frozen=True)
class Rate:
    """A rate allows at most `limit` events in any span of `per`.

    `limit` is from 1 to 1,000: the time of each is stored.
    """

    limit: int
    per: timedelta

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= LARGEST_LIMIT:
            raise ValueError(f"A rate allows from 1 to {LARGEST_LIMIT:,}, not {self.limit:,}.")
        if self.per <= timedelta(0):
            raise ValueError(f"A rate is per a span of time, not {self.per}.")

    @property
    def seconds(self) -> float:
        return self.per.total_seconds()


@dataclass(frozen=True)
class Verdict:
    """`remaining`: how many more would be allowed now. `retry_after`: seconds until the next; 0 if it was allowed."""

    allowed: bool
    remaining: int
    retry_after: float = 0.0

    @property
    def whole_seconds(self) -> int:
        """`retry_after` for the header field Retry-After (RFC 9110, 10.2.3); at least 1."""
        return max(1, math.ceil(self.retry_after))


class Limit:
    """A limit for each key: at most so often in any span of each rate's time (a sliding window log).

    name    one limit a name
    rates   one or more; a refusal by one of them counts for none
    cache   the Django cache alias whose server counts for all processes. Redis: exact. Memcached: by windows of the
            clock, twice the limit around their ends. Other caches, and a server that is down: each process counts
            for itself, within its bounded memory, and n processes allow n times as often

    It never raises an error of the cache, and does not wait for a server that is known to be down. The cache holds
    keyed digests of the keys, which expire.
    """

    def __init__(self, name: str, *rates: Rate, cache: str = "default") -> None:
        if not rates:
            raise ValueError("A limit has a rate or more.")
        self.name = name
        self.rates = rates
        self.cache = cache

    async def take(self, key: str) -> Verdict:
        """Count one for that key, if it is allowed."""
        digest, meter = self.digest_key(key), shared_meter(self.cache)
        verdict = await meter.take(digest, self.rates) if meter is not None else None
        return verdict or await local.take(digest, self.rates)

    def digest_key(self, key: str) -> str:
        """The key in the cache. A digest without a secret would reveal the key, because there are few addresses."""
        secret = blake2b(settings.SECRET_KEY.encode(), digest_size=32).digest()
        digest = blake2b(key.encode("utf-8", "surrogatepass"), key=secret, digest_size=16)
        return f"limit:{self.name}:{digest.hexdigest()}"


def client_network(address: str) -> str:
    """The network that one client has: an IPv4 address (also one written as IPv6), or the /64 of an IPv6 address.

    All clients with an unreadable address share one name.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return UNKNOWN_CLIENT
    plain: IPv4Address | IPv6Address = getattr(parsed, "ipv4_mapped", None) or parsed
    return str(plain) if plain.version == 4 else str(ip_network((plain, IPV6_PREFIX), strict=False))


TAKE = (Path(__file__).with_name("limits.lua")).read_text()


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


# Counts for all limits of this process while the cache is down.
local = LocalMeter()


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
