"""Where loaders run: on threads whose connections outlive a restart of the database."""

import threading

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from content.caching.executor import LoadExecutor
from tests.support.wait import wait_until


@sync_to_async
def close() -> None:
    """The connection of this thread."""
    connections["postgres"].close()


async def test_a_connection_that_died_unnoticed_is_no_error_of_the_loaders(postgres, postgres_server):
    @sync_to_async
    def backend() -> int:
        with connections[postgres].cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            return cursor.fetchone()[0]

    loading = LoadExecutor()
    first = await loading.run(backend)
    assert await loading.run(backend) == first
    with psycopg.connect(postgres_server) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [first])
    assert await loading.run(backend) != first
    await loading.run(close)


async def test_what_the_database_refuses_is_not_asked_twice(postgres):
    asked = 0

    @sync_to_async
    def refuse() -> None:
        nonlocal asked
        asked += 1
        with connections[postgres].cursor() as cursor:
            # Out of locks, of memory, of time: an OperationalError on a connection that is as good as before.
            cursor.execute("SET statement_timeout = 1")
            cursor.execute("SELECT pg_sleep(1)")

    loading = LoadExecutor()
    with pytest.raises(Exception, match="statement timeout"):
        await loading.run(refuse)
    assert asked == 1
    await loading.run(close)


async def test_what_is_closed_leaves_no_connection_and_no_thread(postgres, postgres_server):
    @sync_to_async
    def thread_and_backend() -> tuple[threading.Thread, int]:
        with connections[postgres].cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            return threading.current_thread(), cursor.fetchone()[0]

    loading = LoadExecutor()
    thread, pid = await loading.run(thread_and_backend)
    await loading.close()
    thread.join(10)
    assert not thread.is_alive()
    with psycopg.connect(postgres_server, autocommit=True) as other:
        alive = "SELECT 1 FROM pg_stat_activity WHERE pid = %s"
        wait_until(lambda: other.execute(alive, [pid]).fetchone() is None, "its connection is closed")
