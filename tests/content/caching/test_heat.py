"""Heat: reads of all processes, decayed by two half-lives, in bounded space, whatever else is in Redis."""

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from content.caching import lua
from content.caching.backends.server import server_of
from content.caching.heat import HALF_LIVES, Heat, Score
from content.caching.testing import Clock
from tests.support.caches import new_prefix
from tests.support.callers import Callers, run_together
from tests.support.heat import read_counts

MINUTES, DAYS = HALF_LIVES


@pytest.fixture
def redis(fresh_redis):
    with Redis.from_url(fresh_redis) as client:
        yield client


@pytest.fixture
def heat(fresh_redis, clock: Clock) -> Heat:
    return Heat(server_of(fresh_redis, {}), new_prefix(), most=100, clock=clock)


async def names(heat: Heat, most: int = 100) -> list[str]:
    return [name for name, _ in await heat.read_hottest(most)]


# --- over several processes -----------------------------------------------------------------------------


async def test_reads_of_all_processes_sum_up(fresh_redis, tmp_path):
    options = {"load_seconds": 0.05, "keys": 20, "callers": 500}
    run_together([Callers(fresh_redis, tmp_path / "journal", **options) for _ in range(3)])
    counts = await read_counts(Heat(server_of(fresh_redis, {}), "callers"))
    assert {name: round(count) for name, count in counts.items()} == {f"called:{key}": 75 for key in range(20)}


# --- decay ------------------------------------------------------------------------------------------------


async def test_after_a_half_life_half_of_the_reads_are_left(heat, clock):
    await heat.add({"post:1": 8})
    clock.forward(MINUTES)
    assert (await read_counts(heat, 0))["post:1"] == 4
    await heat.add({"post:1": 3})
    clock.forward(MINUTES)
    assert (await read_counts(heat, 0))["post:1"] == 3.5
    clock.forward(DAYS)
    assert (await read_counts(heat, 1))["post:1"] == pytest.approx(5.5, rel=0.01)


async def test_what_is_read_now_passes_what_was_read_more_often_an_hour_ago(heat, clock):
    await heat.add({"post:old": 1000})
    clock.forward(3600)
    await heat.add({"post:new": 50})
    assert await names(heat) == ["post:new", "post:old"]


async def test_what_is_read_every_day_stays_ahead_of_what_was_read_once(heat, clock):
    for _ in range(7):
        await heat.add({"post:daily": 1000})
        clock.forward(86_400)
    await heat.add({"post:once": 1})
    assert await names(heat) == ["post:daily", "post:once"]


async def test_the_heat_of_a_steady_rate_is_that_rate(heat, clock):
    minutes, days = (math.log2(0.05 * each / math.log(2)) + clock() / each for each in HALF_LIVES)
    await heat.restore([Score("post:steady", minutes, days)])
    assert await heat.read_hottest(1) == [("post:steady", pytest.approx(0.05))]


async def test_after_years_scores_are_still_numbers(heat, clock):
    await heat.add({"post:old": 1e15})
    clock.forward(20 * 365 * 86_400.0)
    await heat.add({"post:new": 1})
    assert await heat.read_hottest(2) == [("post:new", pytest.approx(0.00116, rel=0.01)), ("post:old", 0.0)]


# --- space ------------------------------------------------------------------------------------------------


async def test_each_set_keeps_the_hottest_names_and_no_more(heat, redis):
    await heat.add({f"post:{number}": number for number in range(1, 1001)})
    assert [redis.zcard(key) for key in heat.sets] == [100, 100]
    assert await names(heat, 3) == ["post:1000", "post:999", "post:998"]
    assert "post:900" not in await names(heat)


async def test_what_one_set_alone_has_among_its_hottest_is_ranked_by_both(heat, clock):
    await heat.add({f"post:{number}": 1000 + number for number in range(50)})
    clock.forward(3600)
    await heat.add({f"post:new-{number}": 1 for number in range(50)})
    await heat.add({"post:0": 1})
    assert (await names(heat, 1)) == ["post:0"]


UNUSABLE = {
    "a name without a resource": {"nothing": 1},
    "a name that is too long": {"post:" + "x" * 500: 1},
    "control characters": {"post:\n": 1},
    "no reads": {"post:zero": 0},
    "negative reads": {"post:negative": -1},
    "no number": {"post:nan": float("nan")},
    "too many reads": {"post:endless": float("inf")},
}


@pytest.mark.parametrize("counts", UNUSABLE.values(), ids=UNUSABLE)
async def test_what_cannot_be_a_count_is_not_added(heat, redis, counts):
    await heat.add({"post:good": 1, **counts})
    assert await names(heat) == ["post:good"]
    assert redis.zcard(heat.sets[0]) == 1


# --- what others write ------------------------------------------------------------------------------------

POISONS = {
    "no text": lambda client, key: client.zadd(key, {b"\xff\xfe": 1e9}),
    "no name": lambda client, key: client.zadd(key, {b"": 1e9, b"x": 1e9}),
    "a long name": lambda client, key: client.zadd(key, {b"post:" + b"x" * 10_000: 5e6}),
    "a score of the future": lambda client, key: client.zadd(key, {b"post:future": 1e12}),
    "endless scores": lambda client, key: client.zadd(key, {b"post:up": "+inf", b"post:down": "-inf"}),
}


@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS)
async def test_members_that_nobody_can_have_counted_are_ignored(heat, redis, poison):
    await heat.add({"post:good": 5})
    for key in heat.sets:
        poison(redis, key)
    assert await names(heat) == ["post:good"]
    await heat.add({"post:good": 5, "post:up": 1, "post:down": 1, "post:future": 1})
    assert set(await names(heat)) == {"post:good", "post:up", "post:down", "post:future"}
    assert (await read_counts(heat))["post:good"] == 10


async def test_a_key_of_another_type_is_replaced(heat, redis):
    for key in heat.sets:
        redis.set(key, "alien")
    assert await heat.read_hottest(5) == []
    for key in heat.sets:
        redis.set(key, "alien")
    await heat.add({"post:1": 1})
    assert await names(heat) == ["post:1"]


# --- saved and restored -----------------------------------------------------------------------------------


async def test_what_redis_lost_is_restored_and_added_to_what_was_counted_since(heat, redis, clock):
    await heat.restore([])
    await heat.add({"post:1": 4, "post:2": 2})
    saved = await heat.read_scores(10)
    assert [score.name for score in saved] == ["post:1", "post:2"]
    redis.flushall()
    await heat.add({"post:3": 3})
    assert await heat.read_scores(10) is None
    await heat.restore(saved)
    await heat.restore(saved)
    assert await names(heat) == ["post:1", "post:3", "post:2"]
    assert await read_counts(heat) == {"post:1": 4, "post:3": 3, "post:2": 2}


async def test_a_flush_in_the_middle_of_a_restoration_is_noticed(heat, redis):
    def scores():
        yield Score("post:1", 1.0, 1.0)

    class Flushing(Heat):
        """Redis is flushed after the first command that restores."""

        def _execute(self, *command):
            answer = super()._execute(*command)
            if command[1] == lua.RESTORE_HEAT:
                redis.flushall()
            return answer

    flushing = Flushing(heat.server, heat.prefix)
    await flushing.restore(scores())
    assert not await heat.is_restored()
    await heat.restore(scores())
    assert await heat.is_restored()


async def test_a_marker_of_another_type_is_replaced(heat, redis):
    redis.lpush(heat.marker, "alien")
    assert not await heat.is_restored()
    await heat.restore([])
    assert await heat.is_restored()


async def test_no_more_is_restored_than_the_sets_keep(heat, redis):
    await heat.restore([Score(f"post:{number}", float(number), None) for number in range(500)])
    assert redis.zcard(heat.sets[0]) == 100
    assert redis.zcard(heat.sets[1]) == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(counts=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 1000), st.integers(0, 1000)), max_size=20))
async def test_scores_are_the_sum_of_decayed_reads(fresh_redis, counts):
    clock = Clock()
    heat = Heat(server_of(fresh_redis, {}), new_prefix(), clock=clock)
    expected: dict[str, float] = {}
    for number, reads, pause in counts:
        clock.forward(pause)
        expected = {name: count * 2 ** (-pause / MINUTES) for name, count in expected.items()}
        expected[f"post:{number}"] = expected.get(f"post:{number}", 0) + reads
        await heat.add({f"post:{number}": reads})
    found = await read_counts(heat, 0)
    assert found == {name: pytest.approx(count, rel=1e-4, abs=0.01) for name, count in expected.items()}
