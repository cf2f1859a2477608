import pytest
from hypothesis import given
from hypothesis import strategies as st

from content.caching.entry import Entry, Header, Unreadable, pack, unpack

HEADER = Header(made_at=1.0, fresh_until=2.5, there=True, generation=3, versions={"a": 1}, cost=0.25)


@given(st.binary())
def test_an_entry_comes_back_as_it_went(value):
    assert unpack(pack(Entry(HEADER, value))) == Entry(HEADER, value)


@given(st.binary() | st.text() | st.integers() | st.none())
def test_garbage_is_unreadable_and_nothing_worse(garbage):
    with pytest.raises(Unreadable):
        unpack(garbage)


@given(st.integers(0, 60))
def test_an_entry_cut_short_within_its_header_is_unreadable(length):
    whole = pack(Entry(HEADER, b""))
    if length < len(whole):
        with pytest.raises(Unreadable):
            unpack(whole[:length])
