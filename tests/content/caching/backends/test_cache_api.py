"""Django's cache API, sync and async: each side reads the other's writes."""

import asyncio
import math
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from django.core.cache import BaseCache, caches
from django.test import override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from content.caching.backends import RedisCache
from tests.support.wait import wait_until_async


class Side:
    """The sync or the async methods of a cache, under the same names."""

    def __init__(self, cache: BaseCache, *, is_async: bool) -> None:
        self.cache = cache
        self.is_async = is_async

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **kwargs: Any) -> Any:
            if self.is_async:
                return await getattr(self.cache, f"a{name}")(*args, **kwargs)
            return await asyncio.to_thread(getattr(self.cache, name), *args, **kwargs)

        return call


SIDES = [(write, read) for write in (False, True) for read in (False, True)]


@pytest.fixture(params=SIDES, ids=lambda pair: "-".join("async" if side else "sync" for side in pair))
def sides(request: pytest.FixtureRequest, cache: BaseCache) -> tuple[Side, Side]:
    """The writing side and the reading side."""
    return tuple(Side(cache, is_async=side) for side in request.param)  # type: ignore[return-value]


PLAIN = [
    "text",
    "Iñtërnâtiônàlizætiøn ☃",
    "",
    b"bytes \x00\xff",
    0,
    -1,
    2**62,
    1.5,
    True,
    False,
    ["a", 1, [2.0, None]],
    {"name": {"deep": ["x"]}},
    "x" * 10_000,
]


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: repr(value)[:20])
async def test_get_returns_the_value_and_its_type(sides, value):
    write, read = sides
    await write.set("key", value)
    found = await read.get("key")
    assert found == value
    assert type(found) is type(value)


async def test_datetimes_keep_their_time_zone(sides):
    write, read = sides
    moment = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
    await write.set("moment", moment)
    assert await read.get("moment") == moment


async def test_none_is_a_value_and_not_a_miss(sides):
    write, read = sides
    await write.set("key", None)
    assert await read.get("key", "default") is None
    assert await read.has_key("key")
    assert await read.get_many(["key", "other"]) == {"key": None}
    assert await write.add("key", "later") is False


async def test_a_missing_key_returns_the_default(sides):
    _, read = sides
    assert await read.get("nothing") is None
    assert await read.get("nothing", "default") == "default"


async def test_add_does_not_replace_a_value(sides):
    write, read = sides
    assert await write.add("key", "first") is True
    assert await write.add("key", "second") is False
    assert await read.get("key") == "first"


async def test_delete_returns_whether_the_key_existed(sides):
    write, read = sides
    await write.set("key", 1)
    assert await write.delete("key") is True
    assert await write.delete("key") is False
    assert not await read.has_key("key")


async def test_get_set_and_delete_many(sides):
    write, read = sides
    assert not await write.set_many({"a": 1, "b": "two", "c": None})  # django-redis returns None
    assert await read.get_many(["a", "b", "c", "d"]) == {"a": 1, "b": "two", "c": None}
    assert await read.get_many([]) == {}
    await write.delete_many(["a", "b"])
    assert await read.get_many(["a", "b", "c"]) == {"c": None}
    await write.delete_many([])
    assert not await write.set_many({})


async def test_timeouts(sides):
    write, read = sides
    await write.set("no timeout", 1, None)
    await write.set("an hour", 1, 3600)
    await write.set("default", 1)
    await write.set("expired", 1, 0)
    await write.set("long expired", 1, -1)
    assert await read.ttl("no timeout") is None
    assert 3590 < await read.ttl("an hour") <= 3600
    assert 290 < await read.ttl("default") <= 300
    assert await read.get("expired") is None
    assert await read.get("long expired") is None
    assert await read.ttl("expired") == 0


async def test_a_timeout_in_the_past_deletes_the_key(sides):
    write, read = sides
    for timeout in (0, -1):
        await write.set("key", 1)
        await write.set("key", 2, timeout)
        assert await read.get("key") is None
    await write.set_many({"a": 1, "b": 1})
    await write.set_many({"a": 2, "b": 2}, 0)
    assert await read.get_many(["a", "b"]) == {}


async def test_add_with_a_timeout_in_the_past_stores_nothing(sides):
    write, read = sides
    assert await write.add("key", 1, 0) is True
    assert await read.get("key") is None


async def test_set_many_with_a_timeout(sides):
    write, read = sides
    await write.set_many({"a": 1, "b": 2}, 60)
    assert 50 < await read.ttl("a") <= 60


async def test_touch(sides):
    write, read = sides
    assert await write.touch("nothing") is False
    await write.set("key", 1, 10)
    assert await write.touch("key", 3600) is True
    assert await read.ttl("key") > 3000
    assert await write.touch("key", None) is True
    assert await read.ttl("key") is None
    assert await write.touch("key", 0) is True
    assert await read.get("key") is None


async def test_incr_and_decr(sides):
    write, read = sides
    await write.set("count", 41)
    assert await write.incr("count") == 42
    assert await read.get("count") == 42
    assert await write.incr("count", 10) == 52
    assert await write.decr("count") == 51
    assert await write.decr("count", 60) == -9
    assert await read.get("count") == -9


async def test_incr_of_a_missing_key_is_a_value_error(sides):
    write, _ = sides
    with pytest.raises(ValueError):
        await write.incr("nothing")
    with pytest.raises(ValueError):
        await write.decr("nothing")
    with pytest.raises(ValueError):
        await write.incr_version("nothing")


async def test_incr_keeps_the_timeout(sides):
    write, read = sides
    await write.set("count", 1, 60)
    await write.incr("count")
    assert 50 < await read.ttl("count") <= 60


async def test_get_or_set(sides):
    write, read = sides
    assert await write.get_or_set("key", "value", 60) == "value"
    assert await write.get_or_set("key", "other") == "value"
    assert await write.get_or_set("computed", lambda: "value") == "value"
    assert await read.get("computed") == "value"
    assert await write.get_or_set("none", None) is None


async def test_versions(sides):
    write, read = sides
    await write.set("key", "one", version=1)
    await write.set("key", "two", version=2)
    assert await read.get("key") == "one"
    assert await read.get("key", version=2) == "two"
    assert await read.get_many(["key"], version=2) == {"key": "two"}
    assert await write.delete("key", version=2) is True
    assert await read.get("key") == "one"


async def test_incr_and_decr_version(sides):
    write, read = sides
    await write.set("key", "value", 60)
    assert await write.incr_version("key") == 2
    assert await read.get("key") is None
    assert await read.get("key", version=2) == "value"
    assert 50 < await read.ttl("key", version=2) <= 60
    assert await write.decr_version("key", version=2) == 1
    assert await read.get("key") == "value"
    assert await write.incr_version("key", 5) == 6
    await write.set("none", None)
    assert await write.incr_version("none") == 2
    assert await read.has_key("none", version=2)


async def test_clear(sides, redis_server, open_cache):
    write, read = sides
    await write.set("key", 1)
    await write.clear()
    assert await read.get("key") is None


async def test_caches_with_different_prefixes_are_separate(sides, open_cache, redis_server):
    write, read = sides
    await write.set("key", "mine")
    other = open_cache(redis_server.url)
    assert await other.aget("key") is None
    assert await read.get("key") == "mine"


async def test_a_custom_key_function(fresh_redis):
    with override_settings(
        CACHES={
            "default": {
                "BACKEND": "content.caching.backends.RedisCache",
                "LOCATION": fresh_redis,
                "KEY_FUNCTION": f"{__name__}.reverse_key",
                "REVERSE_KEY_FUNCTION": f"{__name__}.restore_key",
            }
        }
    ):
        await caches["default"].aset("abc", 1)
        assert caches["default"].get("abc") == 1
        # A log that another test of this server follows may have keys as well.
        assert "abc" in [key async for key in caches["default"].aiter_keys("*")]
    with redis.Redis.from_url(fresh_redis) as client:
        assert client.exists(b"cba")


def reverse_key(key: str, prefix: str, version: int) -> str:
    return key[::-1] if key != "*" else "*"


def restore_key(key: str) -> str:
    return key[::-1]


async def test_keys_with_any_characters(sides):
    write, read = sides
    keys = ["with space", "ünïcödé", "line\nbreak", "x" * 300, "a:b:c", "{curly}", "*", "[a-z]", "\x00"]
    await write.set_many({key: number for number, key in enumerate(keys)})
    assert await read.get_many(keys) == {key: number for number, key in enumerate(keys)}


async def test_changing_a_returned_value_does_not_change_the_cache(sides):
    write, read = sides
    value = {"list": [1]}
    await write.set("key", value)
    value["list"].append(2)
    (await read.get("key"))["list"].append(3)
    assert await read.get("key") == {"list": [1]}


async def test_a_value_that_cannot_be_encoded_is_a_type_error(sides):
    write, read = sides
    with pytest.raises(TypeError):
        await write.set("key", object())
    assert await read.get("key") is None


async def test_timeouts_in_milliseconds(sides):
    write, read = sides
    await write.set("key", 1, 0.8)
    assert 0 < await read.pttl("key") <= 800
    # Shorter from here on: a busy machine may need longer for the two calls above.
    await write.set("key", 1, 0.05)

    async def has_ended() -> bool:
        return await read.get("key") is None

    await wait_until_async(has_ended, "the value ends", 5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**64 - 1)
        | st.floats(allow_nan=False)
        | st.text()
        | st.binary(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    ),
    repeated=st.integers(1, 300),
)
def test_plain_values_of_any_size_round_trip(cache, value, repeated):
    """Sizes are above and below the compressor's threshold."""
    cache.set("key", [value] * repeated)
    assert cache.get("key") == [value] * repeated


def test_infinity_and_nan_round_trip(cache):
    cache.set("key", [math.inf, -math.inf, math.nan])
    found = cache.get("key")
    assert found[:2] == [math.inf, -math.inf]
    assert math.isnan(found[2])


# --- django-redis's extras ------------------------------------------------------------------------------


async def test_ttl_persist_and_expire(sides):
    write, read = sides
    await write.set("key", 1, 60)
    assert 50 < await read.ttl("key") <= 60
    assert 50_000 < await read.pttl("key") <= 60_000
    assert await read.ttl("nothing") == 0
    assert await write.persist("key") is True
    assert await read.ttl("key") is None
    assert await write.expire("key", 30) is True
    assert 20 < await read.ttl("key") <= 30
    assert await write.expire("nothing", 30) is False
    assert await write.persist("nothing") is False


async def test_keys_by_pattern(cache):
    await cache.aset_many({"post:1": 1, "post:2": 2, "page:1": 3})
    await cache.aset("post:1", 1, version=2)
    assert sorted([key async for key in cache.aiter_keys("post:*")]) == ["post:1", "post:2"]
    assert sorted(cache.keys("post:*")) == ["post:1", "post:2"]
    assert await cache.adelete_pattern("post:*") == 2
    assert await cache.aget_many(["post:1", "page:1"]) == {"page:1": 3}
    assert await cache.aget("post:1", version=2) == 1
    assert await cache.adelete_pattern("nothing*") == 0


async def test_deleting_thousands_of_keys_by_pattern(cache):
    await cache.aset_many({f"many:{number}": number for number in range(3000)})
    assert await cache.adelete_pattern("many:*") == 3000


async def test_sync_and_async_locks_exclude_each_other(cache):
    async with cache.alock("lock", timeout=10):
        assert cache.lock("lock", timeout=10).acquire(blocking=False) is False
        assert await cache.alock("lock", timeout=10, blocking=False).acquire() is False
    taken = cache.lock("lock", timeout=10)
    assert taken.acquire(blocking=False) is True
    assert await cache.alock("lock", timeout=10, blocking=False).acquire() is False
    taken.release()


async def test_set_with_nx_and_xx(sides):
    write, read = sides
    assert not await write.set("key", 1, xx=True)
    assert await write.set("key", 1, nx=True)
    assert not await write.set("key", 2, nx=True)
    assert await write.set("key", 3, xx=True)
    assert await read.get("key") == 3


SERIALIZERS = [
    "content.caching.serializer.MessagePackSerializer",
    "django_redis.serializers.json.JSONSerializer",
]
COMPRESSORS = [
    "content.caching.compressor.ZstdCompressor",
    "django_redis.compressors.identity.IdentityCompressor",
    "django_redis.compressors.zlib.ZlibCompressor",
    "django_redis.compressors.gzip.GzipCompressor",
    "django_redis.compressors.lzma.LzmaCompressor",
]


@pytest.mark.parametrize("serializer", SERIALIZERS)
@pytest.mark.parametrize("compressor", COMPRESSORS)
async def test_any_serializer_and_compressor(open_cache, redis_server, serializer, compressor):
    cache = open_cache(redis_server.url, SERIALIZER=serializer, COMPRESSOR=compressor)
    value = {"text": "again and again " * 500}
    await cache.aset("long", value)
    cache.set("short", 7)
    assert cache.get("long") == value
    assert await cache.aget("short") == 7
    assert await cache.aincr("short") == 8


async def test_large_values_are_compressed_in_redis(open_cache, redis_server):
    cache = open_cache(redis_server.url, COMPRESSOR="content.caching.compressor.ZstdCompressor")
    await cache.aset("long", "again and again " * 1000)
    await cache.aset("short", "again and again")
    with redis_server.client() as client:
        assert client.strlen(cache.make_key("long")) < 300
        assert client.get(cache.make_key("short")) == b"\xafagain and again"


def test_every_async_method_is_native():
    """None runs in a thread: each is defined here, or calls only methods that are."""
    composed = {"aget_or_set"}
    django_own = {name for name in vars(BaseCache) if name.startswith("a") and f"{name[1:]}" in vars(BaseCache)}
    assert django_own >= {"aget", "aset", "aadd", "aclose"}
    assert django_own - set(vars(RedisCache)) == composed
