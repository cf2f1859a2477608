"""`aget` of one Redis, by different ways there: one caller, and many at once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import redis.asyncio
from django.core.cache import caches

from tests.benchmarks.rounds import Job, measure, show
from tests.benchmarks.servers import VALUE

KEYS = 1000
CALLS = {1: 2000, 32: 8000, 256: 16000}
# Peers that not every Python has, and their share of the calls: a slow one makes fewer.
PEERS = {"cachex": 4, "vcache": 1}


async def run(url: str) -> None:
    ours, theirs = caches["default"], caches["django_redis"]
    await ours.aset_many({str(number): VALUE for number in range(KEYS)}, None)
    pool = redis.asyncio.BlockingConnectionPool.from_url(url, max_connections=50)
    plain = redis.asyncio.Redis.from_pool(pool)
    names = [ours.make_key(str(number)) for number in range(KEYS)]

    async def raw(number: int) -> Any:
        return await plain.get(names[number])

    for callers, calls in CALLS.items():
        jobs = {
            "evergreen aget": call_together(lambda number: ours.aget(str(number)), callers, calls),
            "django-redis aget": call_together(lambda number: theirs.aget(str(number)), callers, calls // 4),
            "redis.asyncio GET, undecoded": call_together(raw, callers, calls // 2),
            "the wire: as many GETs in one write": ceiling(ours, callers, calls),
        }
        for alias, share in PEERS.items():
            if alias in caches.settings:
                peer = caches[alias]
                await peer.aset_many({str(number): VALUE for number in range(KEYS)}, None)
                jobs[f"django-{alias} aget"] = call_together(get_from(peer), callers, calls // share)
        show(f"aget, {callers} callers", await measure(jobs), "django-redis aget")
    await plain.aclose()


def get_from(peer: Any) -> Callable[[int], Awaitable[Any]]:
    return lambda number: peer.aget(str(number))


def call_together(get: Callable[[int], Awaitable[Any]], callers: int, calls: int) -> Job:
    """So many callers, each of which asks again when it has its answer."""

    async def caller(first: int, times: int) -> None:
        for number in range(first, first + times):
            answer = await get(number % KEYS)
            assert answer is not None

    async def job() -> int:
        each = calls // callers
        await asyncio.gather(*(caller(number * 7, each) for number in range(callers)))
        return each * callers

    return job


def ceiling(cache: Any, callers: int, calls: int) -> Job:
    """The most that one connection gives: replies are decoded, and calls do not wait for a batch."""

    async def job() -> int:
        protocol = await cache.servers[0].connect()
        loop = asyncio.get_running_loop()
        commands = [("GET", cache.make_key(str(number))) for number in range(callers)]
        for _ in range(calls // callers):
            futures = [loop.create_future() for _ in commands]
            protocol.send(list(zip(commands, futures, strict=True)))
            for future in futures:
                cache.client.decode(await future)
        protocol.abort(ConnectionError("done"))
        return calls // callers * callers

    return job
