"""Calls of one turn of the event loop travel together, and still each gets its own answer."""

import asyncio

import pytest
import redis
from redis.exceptions import ResponseError


def calls_of(client: redis.Redis, command: str) -> int:
    return client.info("commandstats").get(f"cmdstat_{command}", {}).get("calls", 0)


async def test_reads_of_one_turn_are_one_command(cache, redis_server):
    await cache.aset_many({str(number): number for number in range(100)})
    with redis_server.client() as client:
        client.config_resetstat()
        found = await asyncio.gather(*(cache.aget(str(number)) for number in range(120)))
        assert found == [*range(100), *[None] * 20]
        assert calls_of(client, "mget") == 1
        assert calls_of(client, "get") == 0


async def test_writes_of_one_turn_are_one_write_of_the_socket(cache, redis_server):
    """Many commands, and the server reads them at once."""
    await cache.aget("connected")
    with redis_server.client() as client:
        before = client.info("stats")["total_reads_processed"]
        await asyncio.gather(*(cache.aset(str(number), number) for number in range(100)))
        assert client.info("stats")["total_reads_processed"] - before < 10


async def test_what_was_written_in_a_turn_is_read_in_it(cache):
    """Order is kept: reads are joined only where they stand side by side."""
    answers = await asyncio.gather(
        cache.aget("key"), cache.aset("key", 1), cache.aget("key"), cache.adelete("key"), cache.aget("key")
    )
    assert answers == [None, True, 1, True, None]


async def test_one_failure_is_one_callers(cache, redis_server):
    await cache.aset("text", "text")
    with redis_server.client() as client:
        client.lpush(cache.make_key("list"), "not a string")
    answers = await asyncio.gather(
        cache.aset("a", 1), cache.aincr("list"), cache.aset("b", 2), cache.attl("a"), return_exceptions=True
    )
    assert answers[0] is True
    assert isinstance(answers[1], ResponseError | TypeError)
    assert answers[2] is True
    assert answers[3] > 0
    # MGET answers nil for what is no string, where GET would raise.
    assert await asyncio.gather(cache.aget("text"), cache.aget("list")) == ["text", None]


async def test_a_caller_that_is_cancelled_takes_nothing_from_the_others(cache):
    await cache.aset_many({str(number): number for number in range(50)})
    tasks = [asyncio.create_task(cache.aget(str(number))) for number in range(50)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(answer, asyncio.CancelledError) for answer in answers[::2])
    assert answers[1::2] == list(range(1, 50, 2))
    assert await cache.aget("7") == 7


async def test_more_than_one_answer_may_hold_goes_in_several(cache, redis_server):
    await cache.aset_many({str(number): number for number in range(1200)})
    with redis_server.client() as client:
        client.config_resetstat()
        assert await asyncio.gather(*(cache.aget(str(number)) for number in range(1200))) == list(range(1200))
        assert calls_of(client, "mget") == 3


async def test_ten_thousand_callers_get_each_their_own(cache):
    await cache.aset_many({str(number): number for number in range(10_000)})
    assert await asyncio.gather(*(cache.aget(str(number)) for number in range(10_000))) == list(range(10_000))


@pytest.mark.parametrize("size", [1, 65_536, 5_000_000])
async def test_answers_of_any_size_are_put_together(cache, size):
    await cache.aset("large", b"x" * size)
    small, large = await asyncio.gather(cache.aget("nothing"), cache.aget("large"))
    assert small is None
    assert large == b"x" * size
