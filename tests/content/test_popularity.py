"""Views: counted without a wait, collected in Redis, and written once each, even if processes die."""

import asyncio
import multiprocessing
import os

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from redis import Redis

from content import popularity
from content.models import PostViews
from content.popularity import HALF_LIFE, ViewBuffer, add_heat, buffer, flush_views, write_views
from tests.support.blog import make_blog
from tests.support.servers.redis import running_redis

pytestmark = pytest.mark.django_db(transaction=True)

fork = multiprocessing.get_context("fork")


@pytest.fixture
def redis(settings, fresh_redis):
    settings.REDIS_URL = fresh_redis
    with Redis.from_url(fresh_redis) as client:
        yield client


@pytest.fixture
def posts():
    return make_blog(3)


def record(redis: Redis, *records: dict[int, int]) -> None:
    for views in records:
        redis.xadd(popularity.stream_name(), {b"views": popularity.encode_views(views)})


def totals() -> dict[int, int]:
    return dict(PostViews.objects.values_list("post_id", "total"))


async def test_counting_does_no_io_and_a_flush_sends_one_record(redis, posts):
    view_buffer = ViewBuffer()
    for _ in range(1000):
        view_buffer.add(posts[0].pk)
    assert redis.exists(popularity.stream_name()) == 0
    await view_buffer.close()
    assert redis.xlen(popularity.stream_name()) == 1


async def test_views_are_sent_without_being_asked(redis, posts, monkeypatch):
    view_buffer = ViewBuffer()
    view_buffer.wait = 0.0
    view_buffer.add(posts[0].pk)
    await wait_until_sent(view_buffer)
    assert redis.xlen(popularity.stream_name()) == 1
    await view_buffer.close()


async def wait_until_sent(view_buffer: ViewBuffer) -> None:
    while view_buffer.flushing is None:
        await asyncio.sleep(0)
    await view_buffer.flushing


async def test_while_redis_is_away_views_are_kept(settings, posts):
    view_buffer = ViewBuffer()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    view_buffer.add(7)
    await view_buffer.flush()
    assert view_buffer.views == {7: 1}
    assert view_buffer.wait == 2.0
    with running_redis() as back:
        settings.REDIS_URL = back.url
        view_buffer.client = None
        await view_buffer.close()
        with back.client() as client:
            assert client.xlen(popularity.stream_name()) == 1
    assert not view_buffer.views


async def test_a_page_that_is_read_is_counted(async_client, redis, posts):
    buffer.views.clear()
    for _ in range(3):
        await async_client.get(f"/posts/{posts[1].slug}/")
    await flush_views()
    [(_, fields)] = redis.xrange(popularity.stream_name())
    assert popularity.decode_views(fields[b"views"]) == {posts[1].pk: 3}


def test_all_records_are_written_and_the_stream_is_trimmed(redis, posts):
    record(redis, {posts[0].pk: 2, posts[1].pk: 1}, {posts[0].pk: 3})
    assert write_views() == 6
    assert totals() == {posts[0].pk: 5, posts[1].pk: 1}
    assert write_views() == 0
    assert redis.xlen(popularity.stream_name()) == 1


def test_more_than_a_batch_is_written_whole(redis, posts, monkeypatch):
    monkeypatch.setattr(popularity, "RECORDS_A_BATCH", 7)
    record(redis, *({posts[0].pk: 1} for _ in range(50)))
    assert write_views() == 50
    assert totals() == {posts[0].pk: 50}


def test_views_of_a_post_that_is_gone_and_records_nobody_can_read_hold_up_nothing(redis, posts):
    redis.xadd(popularity.stream_name(), {b"views": b"\xc1 nonsense"})
    redis.xadd(popularity.stream_name(), {b"other": b""})
    record(redis, {999_999: 4, posts[0].pk: 1})
    assert write_views() == 1
    assert totals() == {posts[0].pk: 1}


HOSTILE = {
    "broken UTF-8": b"\x81\xa2\xff\xfe\x01",
    "nested without end": b"\x81\x01" * 100_000,
    "negative views": popularity.encode_views({1: -5}),
    "no views": popularity.encode_views({1: 0}),
    "too many views": popularity.encode_views({1: 2**63}),
    "a post beyond any": popularity.encode_views({2**64 - 1: 1}),
    "text": popularity.encode_views("views"),
}


@pytest.mark.parametrize("poison", HOSTILE.values(), ids=HOSTILE)
def test_i15_a_hostile_record_counts_nothing_and_holds_up_nothing(redis, posts, poison):
    redis.xadd(popularity.stream_name(), {b"views": poison})
    record(redis, {posts[0].pk: 1})
    assert write_views() == 1
    assert totals() == {posts[0].pk: 1}


@pytest.mark.parametrize(
    "poison",
    [
        lambda redis, name: redis.set(name, "alien"),
        lambda redis, name: redis.xadd(name, {"x": "y"}, id=f"{2**64 - 1}-{2**64 - 1}"),
    ],
    ids=["another type", "the last id there is"],
)
async def test_i15_a_stream_that_takes_no_record_is_begun_anew(redis, posts, poison):
    poison(redis, popularity.stream_name())
    view_buffer = ViewBuffer()
    view_buffer.add(posts[0].pk)
    await view_buffer.flush()
    await view_buffer.close()
    assert not view_buffer.views
    assert await sync_to_async(write_views)() == 1


def test_i15_a_key_of_another_type_is_no_error_of_the_writer(redis, posts):
    record(redis, {posts[0].pk: 1})
    write_views()
    redis.delete(popularity.stream_name())
    redis.set(popularity.stream_name(), "alien")
    assert write_views() == 0


def die_in(name: str, *, after: bool) -> None:
    """Write views in this process, which is killed when it reaches that function, or leaves it."""
    connections.close_all()
    whole = getattr(popularity, name)

    def deadly(*args):
        if after:
            whole(*args)
        os._exit(9)

    setattr(popularity, name, deadly)
    write_views()


@pytest.mark.parametrize(
    ("name", "after"),
    [
        ("read_records", True),
        ("add_views", True),  # counts added, not committed
        ("trim_stream", False),  # committed, stream not trimmed
        ("trim_stream", True),
    ],
)
def test_a_worker_that_dies_half_way_loses_and_doubles_nothing(redis, posts, name, after):
    record(redis, {posts[0].pk: 2}, {posts[0].pk: 3})
    connections.close_all()
    worker = fork.Process(target=die_in, args=(name,), kwargs={"after": after})
    worker.start()
    worker.join()
    assert worker.exitcode == 9
    write_views()
    assert totals() == {posts[0].pk: 5}


def write_all() -> None:
    connections.close_all()
    write_views()


def test_two_workers_at_once_count_each_view_once(redis, posts, monkeypatch):
    monkeypatch.setattr(popularity, "RECORDS_A_BATCH", 5)
    record(redis, *({posts[number % 3].pk: 1} for number in range(300)))
    connections.close_all()
    workers = [fork.Process(target=write_all) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert totals() == {post.pk: 100 for post in posts}


def test_a_redis_that_lost_its_data_is_read_from_its_beginning(redis, posts):
    redis.xadd(popularity.stream_name(), {b"views": popularity.encode_views({posts[0].pk: 1})}, id="9999999999999-0")
    write_views()
    redis.flushall()
    record(redis, {posts[0].pk: 1})
    assert write_views() == 1
    assert totals() == {posts[0].pk: 2}


def test_heat_halves_with_time_and_never_overflows():
    now = 1.8e9
    old = add_heat(float("-inf"), 8, now)
    fresh = add_heat(float("-inf"), 8, now + HALF_LIFE)
    assert fresh - old == pytest.approx(1)
    assert add_heat(old, 8, now) == pytest.approx(old + 1)
    assert add_heat(old, 1, now * 1000) < float("inf")
