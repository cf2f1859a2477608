"""Memcached stores plain data, and nothing is unpickled."""

import asyncio
import pickle
from contextlib import closing

import pytest
from django.core.cache import caches
from django.test import override_settings
from pymemcache import Client

from tests.support.servers.memcached import running_memcached


@pytest.fixture(scope="module")
def server():
    with running_memcached() as server:
        yield server


@pytest.fixture
def cache(server):
    config = {
        "BACKEND": "content.caching.backends.MemcachedCache",
        "LOCATION": f"127.0.0.1:{server.port}",
        "KEY_PREFIX": "m",
    }
    with override_settings(CACHES={"default": config}):
        caches["default"].clear()
        yield caches["default"]


VALUES = ["text", "", b"\x00bytes", 0, -1, 2**40, 1.5, True, None, ["a", {"b": [1]}], "long " * 5000]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
async def test_plain_values_round_trip(cache, value):
    cache.set("key", value)
    assert await cache.aget("key", "default") == value
    await cache.aset("other", value)
    assert cache.get("other", "default") == value
    assert type(cache.get("other")) is type(value)


async def test_the_cache_api(cache):
    assert await cache.aset_many({"a": 1, "b": "two"}) == []
    assert await cache.aget_many(["a", "b", "c"]) == {"a": 1, "b": "two"}
    assert await cache.aadd("a", 5) is False
    assert await cache.aincr("a", 5) == 6
    assert await cache.adecr("a") == 5
    with pytest.raises(ValueError):
        await cache.aincr("nothing")
    assert await cache.ahas_key("a")
    assert await cache.atouch("a", 60)
    assert await cache.adelete("a") is True
    assert await cache.adelete("a") is False
    await cache.adelete_many(["b"])
    assert await cache.aget("b") is None
    assert await cache.aget_or_set("made", lambda: 7) == 7
    await cache.aset("expired", 1, 0)
    assert await cache.aget("expired") is None
    await cache.aclear()
    assert await cache.aget("made") is None


async def test_nothing_is_unpickled(cache, server):
    with closing(Client(("127.0.0.1", server.port), default_noreply=False)) as client:
        client.set("m:1:evil", pickle.dumps(print), flags=1)
        assert await cache.aget("evil") == pickle.dumps(print)
        await cache.aset("ours", {"a": [1]})
        assert client.get("m:1:ours") == b"\x81\xa1a\x91\x01"


async def test_unsupported_and_large_values_are_refused(cache):
    with pytest.raises(TypeError):
        await cache.aset("key", object())
    import random

    noise = random.Random(7).randbytes(2_000_000)
    with pytest.raises(ValueError, match="LARGEST allows"):
        await cache.aset("key", noise)
    await cache.aset("key", b"even" * 500_000)
    assert await cache.aget("key") == b"even" * 500_000


async def test_concurrent_callers(cache):
    await cache.aset_many({str(number): number for number in range(200)})
    assert await asyncio.gather(*(cache.aget(str(number)) for number in range(200))) == list(range(200))
