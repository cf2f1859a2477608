"""The envelope of stored entries: round trips, garbage, and samples of every format there ever was."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content.caching.entry import FORMAT, Entry, Header, Stamp, Unreadable, pack, unpack

SNAPSHOTS = Path("tests/snapshots/entries")
HEADER = Header(
    made_at=1.0,
    fresh_until=2.5,
    stale_until=3.5,
    error_until=9.0,
    there=True,
    cost=0.25,
    tags=("post:1", "posts"),
    stamp=Stamp("nonce:replid", (1_700_000_000_000, 3)),
)
COUNTED = Header(1.0, 2.0, 2.0, 2.0, False, 0.0, ("a",), Stamp("7", versions={"a": (1, 2)}))
NUMBERS = st.floats(allow_nan=False)
STAMPS = st.builds(
    Stamp,
    epoch=st.text(),
    position=st.tuples(st.integers(0, 2**48), st.integers(0, 2**48)),
    versions=st.dictionaries(st.text(), st.tuples(st.integers(-1, 2**60), st.integers(-1, 2**60))),
)
# No time is more than a month after the load.
TIMES = st.floats(-1e6, 1e6)
HEADERS = st.builds(
    Header, TIMES, TIMES, TIMES, TIMES, st.booleans(), NUMBERS, st.lists(st.text()).map(tuple), STAMPS
)


@given(HEADERS, st.binary())
def test_what_was_packed_is_unpacked(header, value):
    assert unpack(pack(Entry(header, value))) == Entry(header, value)


@given(st.binary() | st.text() | st.integers() | st.none())
def test_i9_garbage_is_unreadable_and_nothing_worse(stored):
    with contextlib.suppress(Unreadable):
        unpack(stored)


@given(st.data())
def test_i9_nor_is_an_entry_cut_short(data):
    packed = pack(Entry(HEADER, b"value"))
    end = data.draw(st.integers(0, len(packed) - len(b"value") - 1))
    with pytest.raises(Unreadable):
        unpack(packed[:end])


@given(st.integers(0, 255).filter(lambda number: number != FORMAT))
def test_i9_a_format_that_is_not_ours_is_not_guessed_at(number):
    with pytest.raises(Unreadable):
        unpack(bytes([number]) + pack(Entry(HEADER, b"value"))[1:])


@pytest.mark.parametrize(
    ("name", "entry"),
    [("format-2-log", Entry(HEADER, b"\xa3one")), ("format-2-counters", Entry(COUNTED, b""))],
)
def test_samples_of_todays_format_are_read_for_ever(name, entry):
    assert unpack((SNAPSHOTS / name).read_bytes()) == entry


def test_a_sample_of_format_1_is_a_miss():
    with pytest.raises(Unreadable):
        unpack((SNAPSHOTS / "format-1").read_bytes())


def test_there_is_a_sample_of_each_format():
    assert {path.read_bytes()[0] for path in SNAPSHOTS.iterdir()} == set(range(1, FORMAT + 1))
