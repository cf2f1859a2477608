"""The heat of the site survives the flush that it orders: it is restored from the database."""

import asyncio

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test.utils import CaptureQueriesContext
from redis import Redis

from content.caching.testing import Clock
from content.models import HeatSnapshot
from content.warming import heat
from tests.support.caches import redis_cache, use_cache
from tests.support.heat import heat_of
from workers.tasks import write_heat

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def redis(fresh_redis):
    with use_cache(redis_cache(fresh_redis), Clock()), Redis.from_url(fresh_redis) as client:
        yield client


async def names() -> list[str]:
    return [name for name, _ in await heat.read_hottest(10)]


async def test_after_a_flush_the_first_reader_of_heat_restores_it(redis):
    await heat_of().add({"post:a": 5, "post:b": 3})
    assert await heat.write_heat() == 2
    redis.flushall()
    await heat_of().add({"post:new": 4})
    assert await names() == ["post:a", "post:new", "post:b"]


async def test_after_a_flush_the_next_write_restores_it_and_loses_nothing(redis):
    await heat_of().add({"post:a": 5, "post:b": 3})
    await heat.write_heat()
    redis.flushall()
    await heat_of().add({"post:new": 4})
    assert await heat.write_heat() == 3
    row = await HeatSnapshot.objects.aget()
    assert [name for name, _, _ in row.scores] == ["post:a", "post:new", "post:b"]
    assert await names() == ["post:a", "post:new", "post:b"]


async def test_a_flush_while_the_copy_is_written_does_not_empty_it(redis, monkeypatch):
    await heat_of().add({"post:a": 5})
    await heat.write_heat()
    restore = heat.restore_if_lost

    async def restore_and_lose(where):
        await restore(where)
        redis.flushall()

    monkeypatch.setattr(heat, "restore_if_lost", restore_and_lose)
    assert await heat.write_heat() == 0
    assert [name for name, _, _ in (await HeatSnapshot.objects.aget()).scores] == ["post:a"]


async def test_the_table_has_one_row_whatever_is_written_and_two_writers_at_once_do_no_harm(redis, monkeypatch):
    monkeypatch.setattr(heat, "MOST_SAVED", 3)
    await heat_of().add({f"post:{number}": number + 1 for number in range(10)})
    assert await asyncio.gather(*(heat.write_heat() for _ in range(4))) == [3] * 4
    await heat_of().add({"post:0": 100})
    await heat.write_heat()
    row = await HeatSnapshot.objects.aget()
    assert [name for name, _, _ in row.scores] == ["post:0", "post:9", "post:8"]


async def test_a_write_is_one_statement(redis):
    await heat.write_heat()
    await heat_of().add({f"post:{number}": 1 for number in range(1000)})
    capture = await sync_to_async(CaptureQueriesContext(connection).__enter__)()
    assert await heat.write_heat() == 1000
    queries = await sync_to_async(lambda: [query["sql"] for query in capture])()
    await sync_to_async(capture.__exit__)(None, None, None)
    assert len([sql for sql in queries if "content_heatsnapshot" in sql]) == 1


def test_the_task_writes(redis):
    asyncio.run(heat_of().add({"post:a": 1}))
    assert write_heat() == 1
    assert HeatSnapshot.objects.count() == 1


@pytest.mark.parametrize("scores", [{"a": 1}, [["post:a"]], [["post:a", "x", None]], [1, 2]])
async def test_a_copy_that_nobody_can_read_is_replaced(redis, scores):
    await heat.write_heat()
    await HeatSnapshot.objects.aupdate(scores=scores)
    redis.flushall()
    await heat_of().add({"post:b": 1})
    assert await names() == ["post:b"]
    assert await heat.write_heat() == 1


async def test_without_a_redis_nothing_is_counted_or_written():
    assert await heat.read_hottest(10) == []
    assert await heat.write_heat() == 0
    assert not await HeatSnapshot.objects.aexists()
