"""Event loops that are closed without an end, as many Celery tasks do it."""

import asyncio
import gc
import os
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
import uvloop
from asgiref.sync import sync_to_async
from django.core.cache import caches
from django.db import connections

from content.caching import Policy, Resource
from content.caching.engines import engine_of
from tests.support.wait import wait_until


@pytest.fixture
def count_open(alias, redis_server) -> Callable[[], tuple[int, int, int]]:
    """Connections to Redis, descriptors and threads."""

    def count() -> tuple[int, int, int]:
        gc.collect()
        with redis_server.client() as client:
            clients = len(client.client_list())
        return clients, len(os.listdir("/proc/self/fd")), threading.active_count()

    return count


@sync_to_async
def query() -> int:
    """On a connection of the loader's thread."""
    with connections["postgres"].cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone()[0]


# uvloop itself warns of what is open when it is closed, and asyncio's streams of a closed loop.
@pytest.mark.filterwarnings("ignore:unclosed resource:ResourceWarning", "ignore:loop is closed:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("alias", ["redis"], indirect=True)
def test_they_leave_no_connection_no_descriptor_and_no_thread(alias, count_open, postgres, new_loop):
    async def load(pk: int) -> int:
        return await query()

    thing = Resource("thing", load=load, policy=Policy(ttl=timedelta(hours=1)))

    async def work() -> None:
        await thing.refresh(1)
        async with caches[alias].alock("lock", timeout=5):
            await thing.get(1)

    def run_and_close() -> None:
        loop = new_loop()
        loop.run_until_complete(work())
        loop.close()

    run_and_close()
    before = count_open()
    for _ in range(20):
        run_and_close()
    # A thread of the process that reports now and then may have opened a connection of its own meanwhile.
    wait_until(lambda: max(now - then for now, then in zip(count_open(), before, strict=True)) < 5, "nothing is left")
    assert not [loop for loop in engine_of(alias).loops.states if loop.is_closed()]
