"""Whether a read costs the same with ten thousand entries and with a million, and what an entry costs in memory."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import redis.asyncio
from django.core.cache import caches

from content.caching import Policy, Resource
from content.caching.engines import engine_of
from content.caching.entry import CachedValue, Entry, Header, pack
from content.caching.stores.memory import MemoryTier
from tests.benchmarks.resource import Post, at_once, in_turn, post_of
from tests.benchmarks.rounds import Job, console, measure, show

FEW, MANY = 10_000, 1_000_000
TOGETHER = 5000


SIZES = {"default": FEW, "large": MANY}


async def load(number: int) -> Post:
    return post_of(number)


async def run(url: str) -> None:
    from_redis: dict[str, Job] = {}
    from_memory: dict[str, Job] = {}
    for alias, count in SIZES.items():
        policy = Policy(ttl=timedelta(hours=5), early=0, ahead=0)
        post = Resource(f"growth_{alias}", load=load, policy=policy, cache=alias)
        await post.get(0)
        engine = engine_of(alias)
        stamp = await engine.ordering.begin()
        await fill_redis(post, count, stamp)
        before = resident()
        memory = fill_memory(post, count, stamp, engine.clock())
        show_bytes(alias, count, await bytes_each(alias), (resident() - before) / count)
        read = spread_over(post, count)
        from_redis[f"{count:,} entries"] = with_memory(engine, None, at_once(read))
        from_memory[f"{count:,} entries"] = with_memory(engine, memory, in_turn(read))
    show("A read from Redis", await measure(from_redis), f"{FEW:,} entries")
    show("A read from memory", await measure(from_memory), f"{FEW:,} entries")


def spread_over(post: Any, count: int) -> Callable[[int], Any]:
    step = count // 1000
    return lambda number: post.get(number * step)


def with_memory(engine: Any, memory: MemoryTier[Any] | None, job: Job) -> Job:
    async def run_job() -> int:
        engine.memory = memory
        return await job()

    return run_job


def show_bytes(alias: str, count: int, in_redis: float, in_memory: float) -> None:
    # Few entries fit into memory that Python has already: nothing to be seen of them.
    also = f", {in_memory:,.0f} bytes in memory" if count == MANY else ""
    console.print(f"{count:,} entries: {in_redis:,.0f} bytes each in Redis{also}, key and value included.")


def redis_backend(alias: str) -> Any:
    return caches[alias]


async def bytes_each(alias: str) -> float:
    plain = redis.asyncio.Redis.from_url(redis_backend(alias).servers[0].url)
    used = (await plain.info("memory"))["used_memory"] / await plain.dbsize()
    await plain.aclose()
    return float(used)


def header_of(now: float, number: int, stamp: Any) -> Header:
    end = now + 18_000
    return Header(now, end, end, end, True, 0.001, (f"entry:growth:{number}",), stamp)


async def fill_redis(post: Any, count: int, stamp: Any) -> None:
    """Store entries in the format of the engine, without the engine."""
    cache, now, encode = redis_backend(post.cache), post.engine.clock(), msgspec.msgpack.encode
    plain = redis.asyncio.Redis.from_url(cache.servers[0].url)
    for start in range(0, count, TOGETHER):
        pipeline = plain.pipeline(transaction=False)
        for number in range(start, start + TOGETHER):
            entry = pack(Entry(header_of(now, number, stamp), encode(post_of(number))))
            pipeline.set(cache.make_key(post.key((number,))), cache.compress(entry), px=18_000_000)
        await pipeline.execute()
    await plain.aclose()


def fill_memory(post: Any, count: int, stamp: Any, now: float) -> MemoryTier[Any]:
    tier: MemoryTier[Any] = MemoryTier(8 * 1024**3)
    for number in range(count):
        answer = CachedValue(header_of(now, number, stamp), post_of(number), is_decoded=True)
        answer.no_refresh_before = now + 18_000
        tier.put(post.key((number,)), answer, 400)
    return tier


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
