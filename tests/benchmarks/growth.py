"""Whether a read costs the same with ten thousand entries and with a million, and what an entry costs in memory."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import redis.asyncio
from django.core.cache import caches

from content.caching import Policy, Resource
from content.caching.entry import Entry, Header, pack
from content.caching.memory import MemoryTier
from content.caching.registry import engine_of
from tests.benchmarks.resource import Post, at_once, in_turn, post_of
from tests.benchmarks.rounds import console, measured, show

FEW, MANY = 10_000, 1_000_000
TOGETHER = 5000


async def load(number: int) -> Post:
    return post_of(number)


async def run(url: str) -> None:
    post = Resource("growth", load=load, policy=Policy(ttl=timedelta(hours=5), early=0, ahead=0))
    engine = engine_of("default")
    await post.get(0)
    stamp = await engine.ordering.begin()
    plain = redis.asyncio.Redis.from_url(url)
    for count in (FEW, MANY):
        await in_redis(post, plain, count, stamp)
        used = (await plain.info("memory"))["used_memory"] / await plain.dbsize()
        tier, engine.memory = engine.memory, None
        jobs: dict[str, Any] = {"from Redis": at_once(lambda number: post.get(number * (count // 1000)))}  # noqa: B023
        engine.memory = tier
        before = resident()
        engine.memory = filled(post, count, stamp, engine.clock())
        each = (resident() - before) / count
        jobs["from memory"] = in_turn(lambda number: post.get(number * (count // 1000)))  # noqa: B023

        async def without_memory(job: Any = jobs["from Redis"], full: Any = engine.memory) -> int:
            engine.memory = None
            try:
                return await job()
            finally:
                engine.memory = full

        jobs["from Redis"] = without_memory
        show(f"{count:,} entries", await measured(jobs), "from Redis")
        # Few entries fit into memory that Python has already: nothing to be seen of them.
        in_memory = f", {each:,.0f} bytes in memory" if count == MANY else ""
        console.print(f"An entry: {used:,.0f} bytes in Redis{in_memory}, key and value included.\n")
        engine.memory = MemoryTier(64 * 1024 * 1024)
    await plain.aclose()


def header_of(now: float, number: int, stamp: Any) -> Header:
    end = now + 18_000
    return Header(now, end, end, end, True, 0.001, (f"growth@1:{number}",), stamp)


async def in_redis(post: Any, plain: Any, count: int, stamp: Any) -> None:
    """Entries as the engine stores them, put there without it."""
    cache, now, encode = caches["default"], engine_of("default").clock(), msgspec.msgpack.encode
    for start in range(0, count, TOGETHER):
        pipeline = plain.pipeline(transaction=False)
        for number in range(start, start + TOGETHER):
            entry = pack(Entry(header_of(now, number, stamp), encode(post_of(number))))
            pipeline.set(cache.make_key(post.key((number,))), cache.compressed(entry), px=18_000_000)
        await pipeline.execute()


def filled(post: Any, count: int, stamp: Any, now: float) -> MemoryTier[Any]:
    from content.caching.answer import Answer

    tier: MemoryTier[Any] = MemoryTier(8 * 1024**3)
    for number in range(count):
        answer = Answer(header_of(now, number, stamp), post_of(number), opened=True)
        answer.quiet_until = now + 18_000
        tier.put(post.key((number,)), answer, 400)
    return tier


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
