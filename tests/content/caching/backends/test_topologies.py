"""The same cache on Sentinel and on a Cluster."""

import asyncio
import contextlib
from functools import partial

import psutil
import pytest
from django.core.cache import caches
from redis.exceptions import RedisError

from content.caching.backends.server import location_and_options, server_at, server_of
from content.caching.stores.shared import RedisTier
from tests.support.servers.cluster import key_slot
from tests.support.servers.redis import running_redis
from tests.support.servers.sentinel import running_sentinels
from tests.support.wait import wait_until_async


@pytest.fixture
def cluster(redis_cluster):
    return redis_cluster


async def test_a_sentinel_failover_is_followed(open_cache):
    with running_sentinels(down_after=400) as watched:
        cache = open_cache(watched.url)
        await cache.aset("key", "before")
        assert cache.get("key") == "before"
        with watched.master.client() as client:
            client.wait(1, 5000)
        old = watched.master_port()
        watched.master.process.kill()
        watched.master.process.wait()
        await wait_until_async(lambda: watched.master_port() not in (0, old), "another master")
        assert await retry(lambda: cache.aget("key")) == "before"
        await retry(lambda: cache.aset("key", "after"))
        assert await cache.aget("key") == "after"
        assert cache.get("key") == "after"


async def test_a_client_that_is_closed_leaves_no_connection_to_a_sentinel():
    def count() -> int:
        connections = psutil.Process().net_connections("tcp")
        return sum(bool(each.raddr) and each.raddr.port in watched.sentinels for each in connections)

    with running_sentinels() as watched:
        client = server_at(watched.url, timeout=5.0).client()
        assert await client.ping()
        assert count() == 1
        await client.aclose()
        await wait_until_async(lambda: count() == 0, "no connection is left")


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_sentinel_that_is_down_is_asked_once(is_async):
    """redis-py would ask it four times, with pauses of seconds, before it asks the next one."""
    asked = []
    down = await asyncio.start_server(lambda _, writer: (asked.append(1), writer.close()), "127.0.0.1", 0)
    port = down.sockets[0].getsockname()[1]
    location, options = location_and_options(f"redis+sentinel://127.0.0.1:{port}/site/0")
    server = server_of(location, options | {"RETRIES": 0})
    connect = server.connect if is_async else partial(asyncio.to_thread, server.sync_client().ping)
    with pytest.raises(RedisError):
        await connect()
    down.close()
    assert asked == [1]


async def retry(call):
    """Retry: calls may fail until the sentinels have promoted the replica."""
    results = []

    async def works() -> bool:
        with contextlib.suppress(RedisError):
            results.append(await call())
        return bool(results)

    await wait_until_async(works, "Redis is back")
    return results[0]


async def test_the_cache_api_on_a_cluster(open_cache, cluster):
    cache = open_cache(cluster.url)
    many = {f"key {number}": number for number in range(200)}
    assert await cache.aset_many(many, 60) == []
    assert await cache.aget_many(many) == many
    assert await asyncio.gather(*(cache.aget(key) for key in many)) == list(many.values())
    assert cache.get("key 7") == 7
    cache.set("from sync", 1)
    assert await cache.aget("from sync") == 1
    assert await cache.aadd("key 1", 5) is False
    assert await cache.aincr("key 1", 5) == 6
    assert await cache.atouch("key 1", 600)
    assert await cache.attl("key 1") > 500
    assert await cache.adelete("key 2") is True
    assert await cache.adelete_many([f"key {number}" for number in range(100)]) == 99
    assert len([key async for key in cache.aiter_keys("key *")]) == 100
    assert await cache.adelete_pattern("key *") == 100
    async with cache.alock("lock", timeout=5):
        assert not await cache.alock("lock", timeout=5, blocking=False).acquire()
    await cache.aset("last", 1)
    await cache.aclear()
    assert await cache.aget("last") is None


async def test_incr_version_across_slots(open_cache, cluster):
    cache = open_cache(cluster.url)
    await cache.aset("key", "value", 60)
    assert await cache.aincr_version("key") == 2
    assert await cache.aget("key") is None
    assert await cache.aget("key", version=2) == "value"
    assert 50 < await cache.attl("key", version=2) <= 60
    assert cache.incr_version("key", version=2) == 3
    assert 50 < cache.ttl("key", version=3) <= 60
    with pytest.raises(ValueError):
        await cache.aincr_version("nothing")
    with pytest.raises(ValueError):
        cache.incr_version("nothing")


async def test_an_error_reaches_only_its_own_caller_on_a_cluster(open_cache, cluster):
    cache = open_cache(cluster.url)
    await cache.aset("text", "no number")
    answers = await asyncio.gather(cache.aset("a", 1), cache.aincr("text"), cache.aget("a"), return_exceptions=True)
    assert answers[0] is True
    assert isinstance(answers[1], RedisError | TypeError)
    assert answers[2] == 1


async def test_keys_are_spread_over_the_nodes(open_cache, cluster):
    cache = open_cache(cluster.url)
    await cache.aset_many({str(number): number for number in range(100)})
    sizes = []
    for node in cluster.nodes:
        with node.client() as client:
            sizes.append(client.dbsize())
    assert min(sizes) > 0


async def test_a_slot_that_moves_is_followed(open_cache, cluster):
    cache = open_cache(cluster.url)
    await cache.aset("moving", "value")
    full_key = cache.make_key("moving")
    source, target = owner_and_other(cluster, full_key)
    move_slot(cluster, source, target, full_key)
    assert await cache.aget("moving") == "value"
    await cache.aset("moving", "after")
    assert await cache.aget("moving") == "after"


def owner_and_other(cluster, key):
    owner = next(node for node in cluster.nodes if holds(node, key))
    return owner, next(node for node in cluster.nodes if node is not owner)


def holds(node, key) -> bool:
    with node.client() as client:
        try:
            return client.exists(key) == 1
        except RedisError:
            return False


def move_slot(cluster, source, target, key) -> None:
    with source.client() as from_, target.client() as to:
        slot = key_slot(from_, key)
        names = {node: client.execute_command("CLUSTER MYID").decode() for node, client in (("s", from_), ("t", to))}
        to.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", names["s"])
        from_.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", names["t"])
        for name in from_.execute_command("CLUSTER GETKEYSINSLOT", slot, 1000):
            from_.migrate("127.0.0.1", target.port, name, 0, 1000)
        for node in cluster.nodes:
            with node.client() as client:
                client.execute_command("CLUSTER SETSLOT", slot, "NODE", names["t"])


async def test_the_engine_reads_only_from_the_primary(settings, redis_server):
    """A replica may lag. Django's own calls read from it, as in django-redis."""
    with running_redis() as other:
        location = [redis_server.url, other.url]
        settings.CACHES = {"default": {"BACKEND": "content.caching.backends.RedisCache", "LOCATION": location}}
        await caches["default"].aset("key", 1)
        assert await caches["default"].aget("key") is None
        tier = RedisTier("default")
        await tier.store("entry", b"content", 60, None)
        assert await tier.lookup(["entry"]) == {"entry": b"content"}
        await tier.lease(["entry"], "token", 60)
        assert await tier.holder("entry") == "token"
