"""I9 and I15: bytes that cannot be read are a miss in every call, are logged once, and heal."""

import asyncio
import gzip
import lzma
import pickle
import zlib
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from content.caching import compressor as compressor_module
from content.caching.backends import client as client_module
from content.caching.compressor import LARGEST, zstd

# Bytes of the bomb, and the bound while it is read: each call decompresses it.
SMALL_BOUND = 100_000

HOSTILE = {
    "empty": b"",
    "not UTF-8": b"\xa2\xff\xfe",
    "no type": b"\xc1",
    "deep": b"\x91" * 100_000,
    "pickle": pickle.dumps({"a": 1}),
    "old pickle": pickle.dumps("x", 0),
    "long number": b"9" * 5000,
    "minus": b"-",
    "no time": b"\xd7\xff" + b"\xff" * 8,
    "foreign type": b"\xd4\x7f\x01",
    "cut short": b"\xdb\x00\xff",
    "zstd bomb": zstd.compress(bytes(SMALL_BOUND + 1)),
    "cut zstd": zstd.compress(b"x" * 5000)[:-3],
}


@pytest.fixture(params=[False, True], ids=["plain", "zstd"])
def any_cache(request, open_cache, redis_server):
    options = {"COMPRESSOR": "content.caching.compressor.ZstdCompressor"} if request.param else {}
    return open_cache(redis_server.url, **options)


@pytest.fixture(params=HOSTILE, ids=str)
def poison(request, any_cache, redis_server, monkeypatch):
    """Write the bytes under a key of the cache."""
    monkeypatch.setattr(compressor_module, "LARGEST", SMALL_BOUND)

    def write(key: str) -> None:
        with redis_server.client() as client:
            client.set(any_cache.make_key(key), HOSTILE[request.param])

    return write


async def test_i9_a_read_is_a_miss_and_the_key_can_be_added(any_cache, poison):
    for read in (
        lambda: any_cache.get("key", "default") == "default",
        lambda: any_cache.get_many(["key", "other"]) == {"other": 1},
    ):
        any_cache.set("other", 1)
        poison("key")
        assert read()
        assert any_cache.add("key", 1) is True
    poison("key")
    assert await any_cache.aget("key", "default") == "default"
    assert await any_cache.aadd("key", 1) is True
    poison("key")
    assert await any_cache.aget_many(["key", "other"]) == {"other": 1}
    assert await any_cache.aadd("key", 1) is True
    poison("key")
    found = await asyncio.gather(any_cache.aget("key"), any_cache.aget("other"), any_cache.aget("key"))
    assert found == [None, 1, None]


async def test_i9_get_or_set_stores_again(any_cache, poison):
    poison("key")
    assert any_cache.get_or_set("key", "made") == any_cache.get("key") == "made"
    poison("key")
    assert await any_cache.aget_or_set("key", "made") == await any_cache.aget("key") == "made"


async def test_i9_incr_is_a_missing_key(any_cache, poison):
    poison("key")
    for number in (1, -1, 1.5):
        with pytest.raises(ValueError, match="not found"):
            any_cache.incr("key", number)
        with pytest.raises(ValueError, match="not found"):
            await any_cache.aincr("key", number)


async def test_i9_a_key_of_another_structure_is_a_miss(any_cache, redis_server):
    with redis_server.client() as client:
        client.lpush(any_cache.make_key("key"), "x")
    assert any_cache.get("key", "default") == "default"
    assert await any_cache.aget("key", "default") == "default"
    assert any_cache.get_many(["key"]) == await any_cache.aget_many(["key"]) == {}
    with pytest.raises(ValueError):
        any_cache.incr("key")
    await any_cache.aset("key", 1)
    assert any_cache.get("key") == 1


async def test_i9_it_is_logged_once(cache, redis_server, caplog, monkeypatch):
    monkeypatch.setattr(client_module, "_logged_keys", set())
    for _ in range(3):
        with redis_server.client() as client:
            client.set(cache.make_key("key"), b"\xc1")
        cache.get("key")
    assert len([record for record in caplog.records if "cannot be read" in record.message]) == 1


async def test_what_another_process_stored_meanwhile_is_not_deleted(cache, redis_server):
    """A slow reader may have read the bytes before somebody replaced them."""
    full_key = cache.full_key("key", None)
    await cache.aset("key", "good")
    await cache._discard(full_key, b"\xc1", client_module.Unreadable("old"))
    cache.client._discard(full_key, b"\xc1", client_module.Unreadable("old"))
    assert cache.get("key") == "good"


@pytest.mark.parametrize(
    ("compressor", "compress"),
    [
        ("content.caching.compressor.ZstdCompressor", zstd.compress),
        ("django_redis.compressors.zlib.ZlibCompressor", partial(zlib.compress, level=1)),
        ("django_redis.compressors.gzip.GzipCompressor", partial(gzip.compress, compresslevel=1)),
        ("django_redis.compressors.lzma.LzmaCompressor", partial(lzma.compress, preset=0)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_i14_compressors_are_bounded(open_cache, redis_server, compressor, compress):
    cache = open_cache(redis_server.url, COMPRESSOR=compressor)
    text = "text " * 1000
    cache.set("text", text)
    cache.set("short", "s")
    assert await cache.aget("text") == cache.get("text") == text
    assert await cache.aget("short") == "s"
    with redis_server.client() as client:
        client.set(cache.make_key("bomb"), compress(bytes(LARGEST + 1)))
    assert await cache.aget("bomb", "default") == "default"


def test_a_value_past_the_bound_is_stored_uncompressed(open_cache, redis_server):
    cache = open_cache(redis_server.url, COMPRESSOR="content.caching.compressor.ZstdCompressor")
    cache.set("large", bytes(LARGEST))
    assert cache.get("large") == bytes(LARGEST)


REAL = [
    {"a": [1, 2.5, None, True], "b": {"c": "text" * 400}},
    [(1, 2), {3}, "é"],
    "x" * 3000,
    2**70,
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_i9_mutated_values_never_raise(any_cache, data):
    content = any_cache.client.encode(data.draw(st.sampled_from(REAL)))
    mutated = bytearray(content)
    for _ in range(data.draw(st.integers(1, 5))):
        mutated[data.draw(st.integers(0, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    mutated = mutated[: data.draw(st.integers(0, len(mutated)))]
    try:
        any_cache.client.decode(bytes(mutated))
    except client_module.Unreadable:
        return
