from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content.caching import Policy

HOUR = timedelta(hours=1)
NOW = 1_700_000_000.0


def times(policy: Policy, chance: float = 0.0, *, there: bool = True) -> tuple[float, float, float]:
    """In seconds from now."""
    found = policy.times(NOW, chance, there=there)
    return found.fresh_until - NOW, found.stale_until - NOW, found.error_until - NOW


def test_fresh_then_stale_then_kept_for_errors():
    policy = Policy(ttl=HOUR, stale_ttl=HOUR, error_ttl=HOUR)
    assert times(policy) == (3600, 7200, 10800)


def test_not_there_has_a_time_of_its_own_and_is_never_stale():
    policy = Policy(ttl=HOUR, stale_ttl=HOUR, error_ttl=HOUR, negative_ttl=timedelta(seconds=5))
    assert times(policy, there=False) == (5, 5, 5)


@given(st.floats(0, 1), st.floats(0, 1, exclude_max=True))
def test_jitter_takes_off_at_most_its_share(jitter, chance):
    fresh, _, _ = times(Policy(ttl=HOUR, jitter=jitter), chance)
    assert 3600 * (1 - jitter) - 1e-3 <= fresh <= 3600


def test_an_end_ends_freshness_and_staleness_alike():
    end = datetime.fromtimestamp(NOW + 10, UTC)
    assert times(Policy(ttl=HOUR, stale_ttl=HOUR, error_ttl=HOUR, end=end)) == (10, 10, 3610)


def test_of_two_ends_the_earlier_holds():
    near, far = (datetime.fromtimestamp(NOW + seconds, UTC) for seconds in (10, 20))
    assert Policy(ttl=HOUR, end=near).until(far).end == near
    assert Policy(ttl=HOUR, end=far).until(near).end == near
    assert Policy(ttl=HOUR).until(None).end is None


@pytest.mark.parametrize(
    "wrong",
    [{"ttl": -HOUR}, {"stale_ttl": -HOUR}, {"jitter": 2}, {"early": -1}, {"hard_timeout": timedelta(0)}],
)
def test_what_cannot_be_is_refused_by_its_name(wrong):
    [name] = wrong
    with pytest.raises(ValueError, match=name):
        Policy(**{"ttl": HOUR} | wrong)


def test_xfetch_refreshes_early_what_is_dear_and_near_its_end():
    policy = Policy(ttl=HOUR)
    assert not policy.should_refresh_early(NOW, NOW + 100, cost=1.0, chance=1.0)
    assert not policy.should_refresh_early(NOW, NOW + 100, cost=0.001, chance=0.01)
    assert policy.should_refresh_early(NOW, NOW + 1, cost=1.0, chance=0.1)
    assert not Policy(ttl=HOUR, early=0).should_refresh_early(NOW, NOW + 1, cost=10.0, chance=1e-9)


def test_xfetch_refreshes_at_the_papers_rate():
    """The chance of a refresh `cost` before the end is 1/e."""
    policy, chances = Policy(ttl=HOUR), [n / 10_000 for n in range(1, 10_001)]
    early = sum(policy.should_refresh_early(NOW, NOW + 1.0, cost=1.0, chance=chance) for chance in chances)
    assert early / 10_000 == pytest.approx(0.3679, abs=0.001)
