"""The envelope of stored entries: round trips, garbage, and samples of every format there ever was."""

import contextlib
import math
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

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
NUMBERS = st.floats(0, 2e6)
STAMPS = st.builds(
    Stamp,
    epoch=st.text(),
    position=st.tuples(st.integers(0, 2**40), st.integers(0, 2**48)),
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


FUTURE = time.time() + 3 * 24 * 3600
ABSURD = {
    "made in the future": replace(HEADER, made_at=FUTURE, fresh_until=FUTURE),
    "made at no time": replace(HEADER, made_at=math.inf, fresh_until=math.inf),
    "made at no number": replace(HEADER, made_at=math.nan),
    "fresh for ever": replace(HEADER, fresh_until=math.inf),
    "stale for ever": replace(HEADER, stale_until=1e300),
    "kept for errors for ever": replace(HEADER, error_until=math.nan),
    "a cost without end": replace(HEADER, cost=math.inf),
    "a cost that is no number": replace(HEADER, cost=math.nan),
    "behind the end of the log": replace(HEADER, stamp=Stamp("e", (int(FUTURE * 1000), 0))),
    "before the log": replace(HEADER, stamp=Stamp("e", (-1, 0))),
    "a negative sequence": replace(HEADER, stamp=Stamp("e", (1, -1))),
    "a million tags": replace(HEADER, tags=("a",) * 1_000_000),
    "a million versions": replace(HEADER, stamp=Stamp("7", versions={str(each): (1, 1) for each in range(300_000)})),
    "tags longer than any": replace(HEADER, tags=("a" * 5_000_000,)),
}


@pytest.mark.parametrize("header", ABSURD.values(), ids=ABSURD)
def test_i15_a_header_with_absurd_values_is_unreadable(header):
    """Such an entry would outlive every purge, or stop the process that judges it."""
    with pytest.raises(Unreadable):
        unpack(pack(Entry(header, b"value")))


def test_a_process_whose_clock_is_an_hour_ahead_is_read():
    now = time.time() + 3600
    header = replace(HEADER, made_at=now, fresh_until=now + 60, stamp=Stamp("e", (int(now * 1000), 5)))
    assert unpack(pack(Entry(header, b""))).header == header


@given(st.binary(max_size=8), st.integers(0, 200), st.integers(0, 8))
def test_i9_real_bytes_that_were_changed_are_an_entry_or_unreadable(change, place, removed):
    packed = bytearray(pack(Entry(HEADER, b"\xa5value")))
    packed[place : place + removed] = change
    with contextlib.suppress(Unreadable):
        assert isinstance(unpack(bytes(packed)), Entry)


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
