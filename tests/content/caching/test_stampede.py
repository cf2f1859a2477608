"""Ten thousand callers in four processes, and what they cost."""

from pathlib import Path

import pytest
from redis import Redis

from tests.support.callers import Callers, loads_in, run_together
from tests.support.wait import wait_until

LOAD = 0.2
# Seconds that a busy machine may take.
BUSY = 5.0
# Milliseconds until a reader of a key may load it whose loader was killed.
LONGEST_WAIT = 3000


@pytest.fixture
def journal(tmp_path) -> Path:
    return tmp_path / "journal"


def four(redis_url: str, journal: Path, **options) -> list[Callers]:
    return [Callers(redis_url, journal, load_seconds=LOAD, callers=2500, **options) for _ in range(4)]


def test_i2_ten_thousand_callers_of_one_cold_key_cost_one_load(fresh_redis, journal):
    outcomes = run_together(four(fresh_redis, journal, keys=1))
    assert sum(outcome["answers"] for outcome in outcomes) == 10_000
    assert len(loads_in(journal)) == 1
    assert max(outcome["slowest"] for outcome in outcomes) < 2 * LOAD + BUSY


@pytest.mark.slow
def test_i2_ten_thousand_callers_of_a_hundred_keys_cost_a_hundred_loads(fresh_redis, journal):
    outcomes = run_together(four(fresh_redis, journal, keys=100))
    assert sum(outcome["answers"] for outcome in outcomes) == 10_000
    assert sorted(load["key"] for load in loads_in(journal)) == list(range(100))


def test_i12_a_holder_that_is_killed_in_mid_load_has_one_successor(fresh_redis, journal):
    holder = Callers(fresh_redis, journal, load_seconds=30, callers=1, keys=1)
    holder.wait_until_ready()
    others = [Callers(fresh_redis, journal, load_seconds=LOAD, callers=500, keys=1) for _ in range(3)]
    for other in others:
        other.wait_until_ready()
    holder.go()
    wait_until(lambda: len(loads_in(journal)) == 1, "the holder loads")
    holder.kill()
    with Redis.from_url(fresh_redis) as client:
        [lease] = client.keys("*lease:*")
        assert client.pttl(lease) <= LONGEST_WAIT
    for other in others:
        other.go()
    assert sum(other.outcome()["answers"] for other in others) == 1500
    [first, second] = loads_in(journal)
    assert first["process"] != second["process"]
