from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content.caching import Policy

NOW = 1_700_000_000.0
HOUR = Policy(ttl=timedelta(hours=1), jitter=0.2)


@given(st.floats(0, 1, exclude_max=True))
def test_jitter_only_ever_shortens_and_by_no_more_than_its_share(chance):
    assert 3600 * 0.8 <= HOUR.fresh_for(NOW, chance) <= 3600


def test_an_end_cuts_the_lifetime_short():
    soon = datetime.fromtimestamp(NOW + 5, UTC)
    assert HOUR.until(soon).fresh_for(NOW, 0.0) == 5
    assert HOUR.until(None) is HOUR
    assert HOUR.until(soon).until(soon + timedelta(hours=2)).fresh_for(NOW, 0.0) == 5


def test_an_end_in_the_past_leaves_nothing():
    assert HOUR.until(datetime.fromtimestamp(NOW - 5, UTC)).fresh_for(NOW, 0.0) == 0


@pytest.mark.parametrize("wrong", [{"ttl": timedelta(-1)}, {"ttl": timedelta(1), "jitter": 1.5}])
def test_a_policy_that_makes_no_sense_says_which_field(wrong):
    with pytest.raises(ValueError, match=r"Policy\.(ttl|jitter)"):
        Policy(**wrong)
