from dataclasses import replace
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


DURATIONS = ("ttl", "stale_ttl", "error_ttl", "negative_ttl", "soft_timeout", "hard_timeout")


@pytest.mark.parametrize("field", DURATIONS)
@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (timedelta(minutes=5), 300),
        (300, 300),
        (0.25, 0.25),
        ("5m", 300),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        (" 90s ", 90),
        ("500ms", 0.5),
        ("1.5h", 5400),
        ("2d", 172_800),
        ("1w", 604_800),
    ],
)
def test_a_duration_is_a_timedelta_seconds_or_text(field, given, seconds):
    policy = Policy(**{"ttl": HOUR, field: given})
    assert getattr(policy, field) == timedelta(seconds=seconds)
    assert policy == replace(Policy(ttl=HOUR), **{field: given})


NO_TIMES = [
    *(-1, -0.5, timedelta(-1), float("nan"), float("inf"), -float("inf"), 1e300, 10**400),
    *("", " ", "5", "m", "-5m", "5 minutes", "5m!", "1h-", "1e3s", "5M", "\u0665m", "9" * 60 + "s", "m5", "5m" * 40),
]


@pytest.mark.parametrize("field", DURATIONS)
@pytest.mark.parametrize("given", NO_TIMES)
def test_a_time_that_is_none_is_refused_with_its_name_and_the_fix(field, given):
    with pytest.raises(ValueError, match=rf"Policy\.{field} is .*Give ") as raised:
        Policy(**{"ttl": HOUR, field: given})
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize("field", DURATIONS)
@pytest.mark.parametrize("given", [True, False, [], (5,), {}, b"5m", object(), Policy, datetime(2024, 1, 1)])
def test_what_is_no_time_at_all_is_refused_by_its_type(field, given):
    with pytest.raises(TypeError, match=rf"Policy\.{field} is .*Give "):
        Policy(**{"ttl": HOUR, field: given})


@pytest.mark.parametrize("field", ["jitter", "early", "ahead"])
@pytest.mark.parametrize(
    ("given", "error"),
    [("0.1", TypeError), (True, TypeError), (None, TypeError), (float("nan"), ValueError), (-0.1, ValueError)],
)
def test_a_share_that_is_none_is_refused(field, given, error):
    with pytest.raises(error, match=rf"Policy\.{field} is .*Give "):
        Policy(**{"ttl": HOUR, field: given})


def test_an_end_is_a_moment():
    with pytest.raises(TypeError, match=r"Policy\.end is 60.*Give a datetime"):
        Policy(ttl=HOUR, end=60)  # type: ignore[arg-type]


def test_a_policy_stays_a_value():
    assert Policy(ttl=60) == Policy(ttl="1m") == Policy(ttl=timedelta(minutes=1))
    assert hash(Policy(ttl=60)) == hash(Policy(ttl="60s"))
    with pytest.raises(AttributeError):
        Policy(ttl=60).ttl = HOUR  # type: ignore[misc]
