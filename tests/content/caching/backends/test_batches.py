"""Calls in one turn of the event loop share a batch, and each gets its own answer."""

import asyncio
from contextlib import AbstractContextManager

import pytest
import redis
from django.core.cache.backends.base import BaseCache

from tests.support.commands import Commands, watch_commands


def watch_numbers(cache: BaseCache, client: redis.Redis) -> AbstractContextManager[Commands]:
    """Commands whose key is a number."""
    keys = {cache.make_key(str(number)) for number in range(1200)}
    return watch_commands(client, lambda command: not keys.isdisjoint(command.split()))


async def test_reads_of_one_turn_share_one_mget(cache, redis_server):
    await cache.aset_many({str(number): number for number in range(100)})
    with redis_server.client() as client:
        with watch_numbers(cache, client) as watched:
            found = await asyncio.gather(*(cache.aget(str(number)) for number in range(120)))
        assert found == [*range(100), *[None] * 20]
        assert watched.names.count("MGET") == 1
        assert watched.names.count("GET") == 0


async def test_writes_of_one_turn_share_one_socket_write(open_cache, own_redis):
    cache = open_cache(own_redis.url)
    await cache.aget("connected")
    with own_redis.client() as client:
        before = client.info("stats")["total_reads_processed"]
        await asyncio.gather(*(cache.aset(str(number), number) for number in range(100)))
        assert client.info("stats")["total_reads_processed"] - before < 10


async def test_a_turn_reads_its_own_writes(cache):
    """Only neighbouring reads are joined, so the order of reads and writes stays."""
    answers = await asyncio.gather(
        cache.aget("key"), cache.aset("key", 1), cache.aget("key"), cache.adelete("key"), cache.aget("key")
    )
    assert answers == [None, True, 1, True, None]


async def test_an_error_reaches_only_its_own_caller(cache, redis_server):
    await cache.aset("text", "text")
    with redis_server.client() as client:
        client.lpush(cache.make_key("list"), "not a string")
    answers = await asyncio.gather(
        cache.aset("a", 1), cache.aincr("list"), cache.aset("b", 2), cache.attl("a"), return_exceptions=True
    )
    assert answers[0] is True
    assert isinstance(answers[1], ValueError)
    assert answers[2] is True
    assert answers[3] > 0
    # MGET returns nil for a key that is not a string; GET would raise.
    assert await asyncio.gather(cache.aget("text"), cache.aget("list")) == ["text", None]


async def test_cancelling_one_caller_leaves_the_others_alone(cache):
    await cache.aset_many({str(number): number for number in range(50)})
    tasks = [asyncio.create_task(cache.aget(str(number))) for number in range(50)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(answer, asyncio.CancelledError) for answer in answers[::2])
    assert answers[1::2] == list(range(1, 50, 2))
    assert await cache.aget("7") == 7


async def test_large_batches_are_split_into_several_mgets(cache, redis_server):
    await cache.aset_many({str(number): number for number in range(1200)})
    with redis_server.client() as client:
        with watch_numbers(cache, client) as watched:
            assert await asyncio.gather(*(cache.aget(str(number)) for number in range(1200))) == list(range(1200))
        assert watched.names.count("MGET") == 3


async def test_ten_thousand_callers_each_get_their_own_value(cache):
    await cache.aset_many({str(number): number for number in range(10_000)})
    assert await asyncio.gather(*(cache.aget(str(number)) for number in range(10_000))) == list(range(10_000))


@pytest.mark.parametrize("size", [1, 65_536, 5_000_000])
async def test_answers_of_any_size_are_parsed(cache, size):
    await cache.aset("large", b"x" * size)
    small, large = await asyncio.gather(cache.aget("nothing"), cache.aget("large"))
    assert small is None
    assert large == b"x" * size


async def test_a_command_that_cannot_be_sent_fails_alone(cache):
    await cache.aset("key", 1)
    for _ in range(2):
        answers = await asyncio.wait_for(
            asyncio.gather(
                cache.aget("key"), cache.write("ECHO", object()), cache.aget("key"), return_exceptions=True
            ),
            5,
        )
        assert answers[::2] == [1, 1]
        assert isinstance(answers[1], TypeError)
        with pytest.raises(TypeError):
            await asyncio.wait_for(cache.write("ECHO", object()), 5)
