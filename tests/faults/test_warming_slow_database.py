"""The database becomes ten times slower while posts are edited: warming falls to a trickle, and recovers."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle

import pytest
from django.db import connections
from django.db.backends.signals import connection_created

from content import resources
from content.caching import invalidate
from content.caching.backends.server import server_of
from content.caching.engines import engine_of
from content.models import Post
from content.warming.hot_set import read_most_viewed
from content.warming.load_control import LoadControl
from content.warming.loop import WarmLoop
from tests.support.blog import make_blog
from tests.support.caches import redis_cache, use_cache
from tests.support.wait import wait_until_async

pytestmark = pytest.mark.django_db(transaction=True)

USUAL, SLOW = 0.004, 0.04
# Seconds of each phase, at most. Far more than it takes, for a busy machine.
BOUND = 60.0


class Database:
    """Each query takes so long besides: in the thread that asks, as of a server that answers late."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.queries = 0
        self.lock = threading.Lock()

    def wait(self, execute, sql, params, many, context):
        with self.lock:
            self.queries += 1
        if self.seconds:
            time.sleep(self.seconds)
        return execute(sql, params, many, context)

    def slow_down(self, connection, **kwargs) -> None:
        if self.wait not in connection.execute_wrappers:
            connection.execute_wrappers.append(self.wait)


@pytest.fixture
def database(django_db_blocker) -> Iterator[Database]:
    """Loads use threads whose connections are opened anew."""
    database = Database()
    connection_created.connect(database.slow_down)
    connections.close_all()
    yield database
    connection_created.disconnect(database.slow_down)
    database.seconds = 0.0


@pytest.fixture
def blog() -> list[Post]:
    return make_blog()


@pytest.fixture
def loop(settings, fresh_redis, blog, database) -> Iterator[WarmLoop]:
    settings.EDGE = False
    with use_cache(redis_cache(fresh_redis), time.time):
        server, control = server_of(fresh_redis, {}), LoadControl(rate=1e6)
        yield WarmLoop(engine_of("default"), server, read_hottest=read_most_viewed, control=control)


@contextmanager
def edits(posts) -> Iterator[None]:
    """Edit one post after another: there is always something to warm."""
    ended = asyncio.Event()

    async def edit() -> None:
        for post in cycle(posts):
            if ended.is_set():
                return
            await invalidate([f"post:{post.pk}:page"])
            await asyncio.sleep(0.05)

    task = asyncio.ensure_future(edit())
    try:
        yield
    finally:
        ended.set()
        task.cancel()


@pytest.mark.slow
async def test_warming_falls_to_a_trickle_and_recovers(loop, database, blog):
    database.seconds = USUAL
    running = asyncio.ensure_future(loop.run())
    control = loop.control
    try:
        with edits(blog):
            await wait_until_async(lambda: control.limit == control.most, "warming uses its budget", BOUND)
            began = time.monotonic()
            database.seconds = SLOW
            await wait_until_async(lambda: loop.state().limit < 1, "it falls to a trickle", BOUND)
            fell = time.monotonic() - began
            took = await read_cold_entry()
            began = time.monotonic()
            database.seconds = USUAL
            await wait_until_async(lambda: loop.state().limit == control.most, "it recovers", BOUND)
            recovered = time.monotonic() - began
        print("| trickle after | a reader's own load meanwhile | whole budget again after |")
        print(f"| {fell:.1f} s | {took:.2f} s | {recovered:.1f} s |")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def read_cold_entry() -> float:
    """Seconds that a reader waits for a load of their own."""
    began = time.monotonic()
    await resources.search.get("words that nobody asked for", 1, 10)
    return time.monotonic() - began


async def test_a_readers_load_waits_for_no_turn_of_warming(loop):
    """The whole budget is taken, and rests; the reader's entry is loaded all the same."""
    gate = asyncio.Event()

    async def hold() -> None:
        async with loop.control.turn("post"):
            await gate.wait()

    loop.control.limit = 1.0
    holding = asyncio.ensure_future(hold())
    await wait_until_async(lambda: loop.control.running == 1, "a load of warming runs")
    waiting = asyncio.ensure_future(loop.loader.control.turn("post").__aenter__())
    post = await resources.post.get("post", "post-3")
    assert post.slug == "post-3"
    assert not waiting.done()
    waiting.cancel()
    gate.set()
    await holding
