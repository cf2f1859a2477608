"""Live dashboards over several processes: what viewers get, and that they are right again after a fault."""

import asyncio
import json
import time
from contextlib import AsyncExitStack
from itertools import pairwise

import pytest

from tests.support.wait import wait_until_async

pytestmark = pytest.mark.long

STATE, SAMPLER, HISTORY = ("{evergreen:live}:" + name for name in ("state", "sampler", "history"))


async def test_a_viewer_gets_history_and_then_states(site):
    async with site.connect("ann") as client:
        first, *states = [await client.next() for _ in range(4)]
    assert first["kind"] == "history"
    assert [state["kind"] for state in states] == ["state"] * 3
    times = [state["at"] for state in states]
    assert times == sorted(set(times))
    assert {"at", "epoch", "counters", "gauges", "panels", "verdict", "every"} <= states[0].keys()


async def test_viewers_of_all_processes_see_the_same_states(site):
    """One process samples: what the others show has the same times, and the same bytes."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(site.connect("ann")) for _ in range(8)]
        seen = await asyncio.gather(*(client.times(6) for client in clients))
    everywhere = set.intersection(*map(set, seen))
    assert len(everywhere) >= 3


async def test_without_viewers_nobody_samples(site):
    with site.redis.client() as redis:
        async with site.connect("ann") as client:
            await client.next_of("state")
            assert redis.get(SAMPLER)
        await wait_until_async(lambda: not redis.exists(SAMPLER), "the last viewer has left")
        before = redis.get(STATE)
        # Longer than two intervals.
        await asyncio.sleep(2.2)
        assert redis.get(STATE) == before


async def test_a_hidden_tab_gets_nothing_and_then_what_it_missed(site):
    async with site.connect("ann") as watching, site.connect("ann") as client:
        await client.next_of("state")
        await client.send({"kind": "pause"})
        # What was on its way, and then nothing.
        await watching.times(2)
        before = len(client.connection.recv_messages.frames)
        await watching.times(2)
        assert len(client.connection.recv_messages.frames) == before
        await client.send({"kind": "resume"})
        now = time.time()
        await client.next_of("history")
        while (await client.next_of("state"))["at"] < now - 1:
            pass


async def test_a_first_viewer_sees_what_a_worker_has_recorded(site):
    now = int(time.time()) // 60 * 60
    ages = range(4000, 0, -5)
    points = [{"at": now - age, "epoch": "e", "counters": {"n": float(5000 - age)}, "gauges": {}} for age in ages]
    hostile = [b"", b"no json", b"[]", b"{}", b"\xff", b'{"at":1e999}', b"[" * 10000, b'{"at":"x"}']
    with site.redis.client() as redis:
        redis.delete(HISTORY)
        redis.rpush(HISTORY, *[json.dumps(point) for point in points], *hostile)
        # Processes that nobody watches any more forget what they have read.
        await wait_until_async(lambda: recorded_points(site), "the last viewer of an earlier test has left")
        history = await recorded_points(site)
        times = [point["at"] for point in history if point["epoch"] == "e"]
        assert times == sorted(times)
        assert now - 3700 <= min(times) < now - 3500
        # The processes have points of their own of the last minutes, in which earlier tests watched.
        assert max(times) > now - 300
        # Thinned out: all of the last ten minutes, and one in six of those before.
        newest = history[-1]["at"]
        gaps = {later - at for at, later in pairwise(times) if newest - 590 < later < newest - 300}
        assert gaps == {5}
        assert len(times) < 240
        async with site.connect("ann", f"/ops/live/?since={now - 100}") as client:
            late = (await client.next_of("history"))["points"]
        assert min(point["at"] for point in late) > now - 100
        redis.delete(HISTORY)


async def recorded_points(site) -> list[dict]:
    """The history of a new viewer, if it has what is in Redis."""
    async with site.connect("ann") as client:
        history = (await client.next_of("history"))["points"]
    return history if any(point["epoch"] == "e" for point in history) else []


async def test_what_others_wrote_to_redis_harms_no_viewer(site):
    hostile = [b"", b"no json", b"[]", b"{}", b"\xff" * 100, b"[" * 100_000, b"x" * 2_000_000]
    with site.redis.client() as redis:
        async with site.connect("ann") as client:
            await client.next_of("state")
            for content in hostile:
                redis.set(STATE, content)
                await client.times(1)
            for key in (STATE, SAMPLER, HISTORY):
                redis.delete(key)
                redis.rpush(key, "a list")
            redis.set("evergreen:channels:group:evergreen.live", "no set")
            await client.times(3)
            redis.delete(SAMPLER, STATE, HISTORY, "evergreen:channels:group:evergreen.live")
    assert "Traceback" not in site.service.terminal


async def test_viewers_are_right_within_two_seconds_while_redis_is_lost_and_back(site):
    """Each process samples alone meanwhile. A flush takes the group, the lease and the state."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(site.connect("ann")) for _ in range(4)]
        await asyncio.gather(*(client.next_of("state") for client in clients))
        with site.redis.client() as redis:
            for _ in range(3):
                redis.flushall()
                redis.client_kill_filter(_type="normal", skipme=True)
                await asyncio.gather(*(right_again(client) for client in clients))


async def right_again(client) -> None:
    began = time.time()
    async with asyncio.timeout(30):
        while (await client.next_of("state"))["at"] < began:
            pass
