"""Limits hold with every cache, with Redis and without."""

import asyncio
from datetime import timedelta

import pytest
from django.core.cache import caches
from django.test import override_settings

from content import limits
from content.caching.backends.server import location_and_options
from content.caching.testing import Clock
from content.limits import Limit, LocalMeter, Rate, Verdict, WindowMeter, client_network, shared_meter
from tests.support.servers.memcached import running_memcached
from tests.support.servers.redis import running_redis

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
KINDS = ["redis", "memcached", "locmem", "dummy"]


@pytest.fixture(scope="module")
def memcached():
    with running_memcached() as server:
        yield server


def settings_of(kind: str, request: pytest.FixtureRequest):
    if kind == "redis":
        return redis_settings(request.getfixturevalue("fresh_redis"))
    if kind == "memcached":
        place = request.getfixturevalue("memcached").url.removeprefix("memcached://")
        return {"BACKEND": "content.caching.backends.MemcachedCache", "LOCATION": place}
    backends = {"locmem": "locmem.LocMemCache", "dummy": "dummy.DummyCache"}
    return {"BACKEND": f"django.core.cache.backends.{backends[kind]}"}


def redis_settings(url: str):
    location, options = location_and_options(url)
    return {
        "BACKEND": "content.caching.backends.RedisCache",
        "LOCATION": location,
        "KEY_PREFIX": "limits",
        "OPTIONS": options | {"LOG": "", "SOCKET_TIMEOUT": 1.0, "RETRIES": 0},
    }


@pytest.fixture(autouse=True)
def own_meter(monkeypatch):
    """A meter without the counts of other tests."""
    monkeypatch.setattr(limits, "local", LocalMeter())


@pytest.fixture(params=KINDS)
def cache(request):
    with override_settings(CACHES={"default": settings_of(request.param, request)}):
        caches["default"].clear()
        yield request.param


# --- what every cache promises -------------------------------------------------------------------------


async def test_the_limit_holds_for_any_number_at_once(cache):
    limit = Limit("crowd", Rate(5, MINUTE), Rate(20, HOUR))
    verdicts = await asyncio.gather(*(limit.take("ann") for _ in range(1000)))
    allowed = [verdict for verdict in verdicts if verdict.allowed]
    assert sorted(verdict.remaining for verdict in allowed) == [0, 1, 2, 3, 4]
    refused = [verdict for verdict in verdicts if not verdict.allowed]
    assert {verdict.remaining for verdict in refused} == {0}
    assert all(0 < verdict.retry_after <= 60 and 1 <= verdict.whole_seconds <= 60 for verdict in refused)


async def test_each_key_and_name_has_its_own_count(cache):
    one, other = Limit("one", Rate(1, MINUTE)), Limit("other", Rate(1, MINUTE))
    for limit in (one, other):
        for key in ("ann", "bob", "\ud800" + "x" * 5000):
            assert (await limit.take(key)).allowed
            assert not (await limit.take(key)).allowed


async def test_the_longer_rate_refuses_as_well(cache):
    limit = Limit("both", Rate(5, MINUTE), Rate(2, HOUR))
    verdicts = [await limit.take("ann") for _ in range(3)]
    assert [(verdict.allowed, verdict.remaining) for verdict in verdicts] == [(True, 1), (True, 0), (False, 0)]


# --- Redis ---------------------------------------------------------------------------------------------


@pytest.fixture
def redis(fresh_redis, redis_server):
    with override_settings(CACHES={"default": redis_settings(fresh_redis)}), redis_server.client() as client:
        yield client


async def test_in_redis_a_refusal_does_not_count_and_the_oldest_expires(redis):
    limit = Limit("exact", Rate(3, MINUTE), Rate(4, HOUR))
    for _ in range(3):
        assert (await limit.take("ann")).allowed
    for _ in range(10):
        assert not (await limit.take("ann")).allowed
    [key] = redis.keys("*limit:*")
    assert redis.llen(key) == 3
    move(redis, key, seconds=-59)
    assert 0.5 < (await limit.take("ann")).retry_after < 1.1
    move(redis, key, seconds=-2)
    verdict = await limit.take("ann")
    assert (verdict.allowed, verdict.remaining) == (True, 0)
    refused = await limit.take("ann")
    assert (refused.allowed, refused.whole_seconds) == (False, 3600 - 61)
    assert redis.llen(key) == 4


def move(redis, key: bytes, seconds: float) -> None:
    """All that is remembered of it, into the past."""
    times = [int(time) + int(seconds * 1_000_000) for time in redis.lrange(key, 0, -1)]
    redis.delete(key)
    redis.rpush(key, *times)


@pytest.mark.parametrize(
    "poison",
    [
        lambda redis, key: redis.set(key, b"\xff"),
        lambda redis, key: redis.hset(key, "a", "b"),
        lambda redis, key: redis.rpush(key, b"\xff", b"nan", b"-1e400", b""),
        lambda redis, key: redis.rpush(key, *["9" * 30] * 10),
        lambda redis, key: redis.rpush(key, b"inf"),
    ],
)
async def test_i15_in_redis_a_foreign_key_limits_nobody_for_ever(redis, poison):
    limit = Limit("poison", Rate(2, MINUTE), Rate(4, HOUR))
    await limit.take("ann")
    [key] = redis.keys("*limit:*")
    redis.delete(key)
    poison(redis, key)
    assert [(await limit.take("ann")).allowed for _ in range(3)] == [True, True, False]
    assert redis.pttl(key) > 0


async def test_i15_in_memcached_a_value_that_is_not_a_number_is_overwritten(memcached, request):
    with override_settings(CACHES={"default": settings_of("memcached", request)}):
        cache = caches["default"]
        cache.clear()
        limit, clock = Rate(2, MINUTE), Clock()
        meter = WindowMeter(cache, clock)
        await cache.aset(f"ann:60:{clock() // 60:.0f}", "no number")
        assert [(await meter.take("ann", [limit])).allowed for _ in range(3)] == [True, True, False]


async def test_in_redis_keys_expire_and_reveal_no_address(redis):
    limit = Limit("address", Rate(3, MINUTE), Rate(4, HOUR))
    await limit.take("203.0.113.7")
    [key] = redis.keys("*limit:*")
    assert 3_599_000 < redis.pttl(key) <= 3_600_000
    assert b"203" not in key.partition(b"limit:")[2]
    with override_settings(SECRET_KEY="another"):
        assert limit.digest_key("203.0.113.7") != Limit("address", Rate(1, MINUTE)).digest_key("other")
        await limit.take("203.0.113.7")
    assert len(redis.keys("*limit:*")) == 2


async def test_in_redis_a_key_is_as_long_as_its_largest_limit(redis):
    limit = Limit("long", Rate(3, MINUTE), Rate(4, HOUR))
    for _ in range(10):
        await limit.take("ann")
        [key] = redis.keys("*limit:*")
        assert redis.llen(key) <= 4
        move(redis, key, seconds=-1000)


async def test_no_more_pass_when_the_clock_of_redis_is_set_back(redis):
    limit = Limit("back", Rate(2, MINUTE))
    await limit.take("ann")
    [key] = redis.keys("*limit:*")
    move(redis, key, seconds=3000)
    assert (await limit.take("ann")).allowed
    refused = await limit.take("ann")
    assert not refused.allowed
    assert refused.retry_after == 60


async def test_while_redis_is_down_each_process_counts_for_itself_without_waiting():
    with running_redis() as server, override_settings(CACHES={"default": redis_settings(server.url)}):
        limit = Limit("away", Rate(3, MINUTE))
        assert (await limit.take("ann")).allowed
        server.process.kill()
        server.process.wait()
        verdicts = [await limit.take("ann") for _ in range(10)]
        assert [verdict.allowed for verdict in verdicts] == [True] * 3 + [False] * 7
        assert shared_meter("default").failsafe.breaker.is_open


async def test_a_hanging_redis_makes_one_call_wait_and_no_more():
    with running_redis() as server, override_settings(CACHES={"default": redis_settings(server.url)}):
        limit = Limit("hung", Rate(3, MINUTE))
        await limit.take("ann")
        meter, asked = shared_meter("default"), []
        inner = meter.meter.take

        async def take(key, rates):
            asked.append(key)
            return await inner(key, rates)

        meter.meter.take = take
        with server.client() as client:
            client.execute_command("CLIENT", "PAUSE", "20000", "ALL")
        for _ in range(50):
            await limit.take("bob")
        assert len(asked) == 1


# --- without a server ----------------------------------------------------------------------------------


async def test_no_span_of_time_has_more_than_the_limit():
    clock, rates = Clock(), [Rate(3, MINUTE), Rate(5, HOUR)]
    meter, allowed = LocalMeter(clock), []
    for step in range(400):
        clock.forward(7 + step % 5)
        if (await meter.take("ann", rates)).allowed:
            allowed.append(clock())
    for rate in rates:
        for start in allowed:
            assert sum(start <= time < start + rate.seconds for time in allowed) <= rate.limit
    # 400 calls in about 3,600 seconds: as many as may pass.
    assert len(allowed) == 5


async def test_the_next_is_allowed_after_retry_after():
    clock = Clock()
    meter, rates = LocalMeter(clock), [Rate(2, MINUTE), Rate(3, HOUR)]
    for _ in range(3):
        while not (verdict := await meter.take("ann", rates)).allowed:
            assert verdict.retry_after > 0
            clock.forward(verdict.retry_after)
    assert (await meter.take("ann", rates)).retry_after == pytest.approx(3540)


async def test_memory_is_bounded_for_any_number_of_keys(monkeypatch):
    monkeypatch.setattr(limits, "MOST_TIMES", 100)
    meter, rates = LocalMeter(Clock()), [Rate(3, MINUTE)]
    for number in range(1000):
        await meter.take(str(number), rates)
        await meter.take("often", rates)
    assert meter.count == sum(map(len, meter.times.values())) <= 100


async def test_by_windows_twice_the_limit_may_pass_around_an_end_and_no_more():
    with override_settings(CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}):
        clock = Clock()
        meter, rates = WindowMeter(caches["default"], clock), [Rate(3, MINUTE)]
        caches["default"].clear()
        clock.forward(60 - clock() % 60 - 1)
        before = [await meter.take("ann", rates) for _ in range(5)]
        assert [verdict.allowed for verdict in before] == [True] * 3 + [False] * 2
        assert before[-1].retry_after == pytest.approx(1)
        clock.forward(1)
        assert [(await meter.take("ann", rates)).allowed for _ in range(5)] == [True] * 3 + [False] * 2


# --- rates, verdicts, addresses ------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, -1, 1001])
def test_a_rate_out_of_bounds_is_refused(number):
    with pytest.raises(ValueError, match="from 1 to 1,000"):
        Rate(number, MINUTE)
    with pytest.raises(ValueError, match="span of time"):
        Rate(1, timedelta(0))
    with pytest.raises(ValueError, match="a rate or more"):
        Limit("none")


def test_retry_after_is_in_whole_seconds_and_never_none():
    assert [Verdict(False, 0, wait).whole_seconds for wait in (0.0, 0.2, 1.0, 1.01)] == [1, 1, 1, 2]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("203.0.113", "unknown"),
        ("unix:", "unknown"),
    ],
)
def test_the_network_of_an_address(address, network):
    assert client_network(address) == network
