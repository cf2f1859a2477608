"""Reads of a resource: from memory, from Redis, many at once; and the same jobs for cashews and dogpile.cache."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec
from django.core.cache import caches

from content.caching import Policy, Resource
from content.caching.engines import engine_of
from tests.benchmarks.rounds import Job, measure, show

KEYS = 1000
CALLERS = 32
CALLS = 8000


class Post(msgspec.Struct, frozen=True):
    title: str
    body: str
    tags: tuple[str, ...]
    views: int


def post_of(number: int) -> Post:
    return Post(f"Post {number}", "warm and fresh " * 20, ("a", "b", "c"), number)


async def load(number: int) -> Post:
    return post_of(number)


async def load_many(numbers: Any) -> dict[int, Post]:
    return {number: post_of(number) for number in numbers}


HOUR = Policy(ttl=timedelta(hours=1), early=0, ahead=0)


async def run(url: str) -> None:
    post = Resource("post", load=load, load_many=load_many, policy=HOUR)
    await post.get_many(range(KEYS))
    engine = engine_of("default")
    cache = caches["default"]

    cashews, dogpile = cashews_of(url), dogpile_of(url)
    memory = {
        "evergreen, from memory": in_turn(post.get),
        "cashews, from memory": in_turn(cashews["memory"]),
    }
    show("One caller, one value after the other, from memory", await measure(memory), "cashews, from memory")

    tier, engine.memory = engine.memory, None
    packed = {f"packed:{number}": msgspec.msgpack.encode(post_of(number)) for number in range(KEYS)}
    await cache.aset_many(packed, None)
    redis = {
        "evergreen Resource.get": at_once(post.get),
        "a batched aget of the same bytes": at_once(lambda number: cache.aget(f"packed:{number}")),
        "cashews": at_once(cashews["redis"]),
        "dogpile.cache, 32 threads": threads(dogpile),
    }
    title = f"{CALLERS} callers of {KEYS} keys, from Redis"
    show(title, await measure(redis), "a batched aget of the same bytes")

    async def many() -> int:
        await post.get_many(range(KEYS))
        return KEYS

    async def one_by_one() -> int:
        await asyncio.gather(*(post.get(number) for number in range(KEYS)))
        return KEYS

    batch = {"get_many(1000)": repeat(many, 10), "1000 gets at once": repeat(one_by_one, 10)}
    show("A thousand values from Redis", await measure(batch), "1000 gets at once")
    engine.memory = tier
    batch = {"get_many(1000)": repeat(many, 50), "1000 gets at once": repeat(one_by_one, 50)}
    show("A thousand values from memory", await measure(batch), "1000 gets at once")


def in_turn(get: Callable[[int], Any]) -> Job:
    async def job() -> int:
        for number in range(CALLS * 5):
            await get(number % 100)
        return CALLS * 5

    return job


def at_once(get: Callable[[int], Any]) -> Job:
    """Each caller goes through the keys from another place: their turns share connections, not keys."""

    async def caller(first: int) -> None:
        for number in range(first, first + CALLS // CALLERS):
            await get(number % KEYS)

    async def job() -> int:
        await asyncio.gather(*(caller(number * KEYS // CALLERS) for number in range(CALLERS)))
        return CALLS

    return job


def repeat(job: Job, times: int) -> Job:
    async def jobs() -> int:
        return sum([await job() for _ in range(times)])

    return jobs


def threads(get: Callable[[int], Any]) -> Job:
    pool = ThreadPoolExecutor(CALLERS)

    def caller(first: int) -> None:
        for number in range(first, first + CALLS // 8 // CALLERS):
            get(number % KEYS)

    async def job() -> int:
        loop = asyncio.get_running_loop()
        places = (number * KEYS // CALLERS for number in range(CALLERS))
        await asyncio.gather(*(loop.run_in_executor(pool, caller, place) for place in places))
        return CALLS // 8

    return job


def cashews_of(url: str) -> dict[str, Callable[[int], Any]]:
    """As its documentation has it: a decorator with a lifetime, on Redis or in memory."""
    from cashews import Cache

    in_redis, in_memory = Cache(), Cache()
    in_redis.setup(url, client_side=False, pickle_type="json")
    in_memory.setup("mem://")

    @in_redis(ttl="1h", key="cashews:post:{number}")
    async def redis_get(number: int) -> Any:
        return msgspec.to_builtins(post_of(number))

    @in_memory(ttl="1h", key="cashews:post:{number}")
    async def memory_get(number: int) -> Any:
        return post_of(number)

    return {"redis": redis_get, "memory": memory_get}


def dogpile_of(url: str) -> Callable[[int], Any]:
    """A region on Redis with a lock across processes, as it advises; JSON, for it would pickle else."""
    import json

    from dogpile.cache import make_region

    parts = urlsplit(url)
    region = make_region(serializer=lambda value: json.dumps(value).encode(), deserializer=json.loads).configure(
        "dogpile.cache.redis",
        expiration_time=3600,
        arguments={"host": parts.hostname, "port": parts.port, "distributed_lock": True, "thread_local_lock": False},
    )

    def get(number: int) -> Any:
        return region.get_or_create(f"dogpile:post:{number}", lambda: msgspec.to_builtins(post_of(number)))

    return get
