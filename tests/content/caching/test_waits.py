"""Waits of readers are summed over the processes that report them."""

import time

import pytest

from content.caching.backends.server import server_of
from content.caching.metrics.waits import ReaderWaits, Wait, WaitReports, publish, waits_key


@pytest.fixture
def client(fresh_redis, redis_server):
    with redis_server.client() as client:
        yield client


def test_waits_are_taken_once():
    waits = ReaderWaits()
    waits.add(0.5)
    waits.add(0.1)
    taken = waits.take()
    assert taken is not None
    assert (taken.count, taken.total, taken.longest) == (2, 0.6, 0.5)
    assert waits.take() is None


async def test_the_mean_is_of_all_processes_lately(client, redis_server):
    reports, now = WaitReports(server_of(redis_server.url, {}), "test"), time.time()
    assert await reports.mean() is None
    publish(client, waits_key("test"), "a", Wait(now, 3, 0.6, 0.5))
    publish(client, waits_key("test"), "b", Wait(now, 1, 0.2, 0.2))
    publish(client, waits_key("test"), "old", Wait(now - 60, 100, 100.0, 9.0))
    client.hset(waits_key("test"), "garbage", b"\xff")
    assert await reports.mean() == pytest.approx(0.2)
