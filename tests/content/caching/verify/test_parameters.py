"""Keys name their parameters, so that a process can load an entry that another one stored."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content.caching.key import encode_parameter
from content.caching.verify.subject import decode_parameters

PLAIN = st.one_of(
    st.text(max_size=20),
    st.integers(),
    st.booleans(),
    st.none(),
    st.floats(allow_nan=False),
    st.dates(min_value=date(1000, 1, 1)),
    st.uuids(),
)


def encode(parameters) -> str:
    return ",".join(map(encode_parameter, parameters))


@given(st.lists(st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3).map(tuple)), max_size=4).map(tuple))
def test_what_a_key_says_is_what_it_was_made_of(parameters):
    assert decode_parameters(encode(parameters)) == parameters


@pytest.mark.parametrize(
    "value",
    [Decimal("1.50"), UUID(int=7), datetime(2024, 1, 2, tzinfo=UTC), datetime(2024, 1, 2), time(3, 4), "", "~a,(b)#"],
)
def test_other_types(value):
    assert decode_parameters(encode((value,))) == (value,)


@pytest.mark.parametrize("text", ["!enum.a.b.c", "x#1234", "(", "!", "12a", "!time.utc3600.0"])
def test_what_cannot_be_decoded(text):
    """Or is decoded to something of another key, which `entry_key_of` refuses."""
    try:
        found = decode_parameters(text)
    except (ValueError, TypeError, ArithmeticError):
        return
    assert encode(found) != text
