"""Headers of stored entries are judged without reading the values, on every cache."""

import secrets

import pytest
from redis import Redis

from content.caching import Policy, Resource, expire, invalidate
from content.caching.engines import engine_of
from content.caching.entry import Verdict
from content.caching.headers import read_headers
from content.caching.stores.failsafe import Failsafe
from content.caching.testing import always_throw, chaos
from tests.support.caches import on_every_cache, redis_cache, use_cache

HOUR = "1h"
LARGE = 200_000
MANY_TAGS = 120


def article(source, name: str = "article") -> Resource:
    async def load(pk: int) -> str:
        return await source.load(pk)

    return Resource(name, load=load, policy=Policy(ttl=HOUR, stale_ttl=HOUR), tags=lambda pk: (f"article:{pk}",))


@on_every_cache
async def test_headers_tell_valid_from_expired_and_invalid_entries(alias, source):
    source.value = "text"
    articles = article(source)
    keys = [articles.key((pk,)) for pk in range(4)]
    for pk in range(3):
        await articles.get(pk)
    await expire(["article:1"])
    await invalidate(["article:2"])
    stored = await read_headers(engine_of(alias).tiers, keys)
    assert stored is not None
    assert {key: each.verdict for key, each in stored.items()} == {
        keys[0]: Verdict.VALID,
        keys[1]: Verdict.EXPIRED,
        keys[2]: Verdict.INVALID,
    }
    now = engine_of(alias).clock()
    assert [each.fresh_for(now) > 0 for each in stored.values()] == [True, False, False]


@on_every_cache
async def test_a_header_with_many_tags_is_read_too(alias, source):
    source.value = "text"
    tags = [f"a tag of some length:{number}" for number in range(MANY_TAGS)]

    async def load() -> str:
        return "text"

    tagged = Resource("tagged", load=load, policy=Policy(ttl=HOUR), tags=lambda: tags)
    await tagged.get()
    stored = await read_headers(engine_of(alias).tiers, [tagged.key(())])
    assert stored is not None
    assert set(stored[tagged.key(())].header.tags) >= set(tags)


@on_every_cache
async def test_nothing_is_said_while_the_cache_is_down(alias, source):
    articles = article(source)
    with chaos(always_throw(), alias):
        assert await read_headers(engine_of(alias).tiers, [articles.key((1,))]) is None


@pytest.mark.parametrize("compressor", [None, "content.caching.compressor.ZstdCompressor"])
async def test_no_value_is_read(own_redis, source, clock, compressor):
    """Counted by Redis: the bytes that it sends for a hundred entries."""
    options = {"COMPRESSOR": compressor} if compressor else {}
    with use_cache(redis_cache(own_redis.url, **options), clock) as alias, own_redis.client() as client:
        articles, keys = article(source), []
        for pk in range(100):
            source.value = secrets.token_hex(LARGE // 2)
            await articles.get(pk)
            keys.append(articles.key((pk,)))
        before = bytes_sent(client)
        stored = await read_headers(engine_of(alias).tiers, keys)
        sent = bytes_sent(client) - before
    assert stored is not None
    assert len(stored) == len(keys)
    assert min(each.size for each in stored.values()) > LARGE / 3
    assert sent < 100 * 3000


def bytes_sent(client: Redis) -> int:
    return int(client.info("stats")["total_net_output_bytes"])


async def test_entries_that_an_earlier_release_compressed_whole_are_read(redis_server, source, clock):
    compressor = "content.caching.compressor.ZstdCompressor"
    with use_cache(redis_cache(redis_server.url, COMPRESSOR=compressor), clock) as alias:
        source.value = "text " * 1000
        articles = article(source)
        key = articles.key((1,))
        await articles.get(1)
        tier = tier_of(alias)
        full_key = tier.cache.full_key(key, None)
        packed = (await tier.lookup([key]))[key]
        with redis_server.client() as client:
            assert client.get(full_key)[0] == 3
            client.set(full_key, tier.cache.compress(packed))
        engine_of(alias).memory.clear()
        assert await articles.get(1) == source.value
        assert source.count == 1


async def test_a_damaged_compressed_value_is_a_miss(redis_server, source, clock):
    compressor = "content.caching.compressor.ZstdCompressor"
    with use_cache(redis_cache(redis_server.url, COMPRESSOR=compressor), clock) as alias:
        source.value = "text " * 1000
        articles = article(source)
        await articles.get(1)
        full_key = tier_of(alias).cache.full_key(articles.key((1,)), None)
        with redis_server.client() as client:
            client.setrange(full_key, client.strlen(full_key) - 8, b"damaged!")
        engine_of(alias).memory.clear()
        assert await articles.get(1) == source.value
        assert source.count == 2


def tier_of(alias: str):
    shared = engine_of(alias).shared
    assert isinstance(shared, Failsafe)
    return shared.tier
