"""The budget of loads: it shrinks when loads or readers' waits are slow, stops when readers suffer, and recovers."""

import asyncio
from collections.abc import Iterator

import pytest

from content.caching.testing import Clock
from content.warming.load_control import FLOOR, LONGEST_REST, STOP, LoadControl

USUAL, SLOW = 0.02, 0.2


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rests() -> list[float]:
    return []


@pytest.fixture
def control(clock, rests) -> Iterator[LoadControl]:
    async def sleep(seconds: float) -> None:
        rests.append(seconds)
        clock.forward(seconds)
        await asyncio.sleep(0)

    return LoadControl(clock=clock, sleep=sleep, rate=1e9)


def record(control: LoadControl, clock: Clock, seconds: float, times: int) -> None:
    for _ in range(times):
        clock.forward(seconds)
        control.record("post", seconds)


async def load(control: LoadControl, clock: Clock, seconds: float) -> None:
    async with control.turn("post"):
        clock.forward(seconds)


def test_the_limit_grows_while_loads_take_their_usual_time(control, clock):
    record(control, clock, USUAL, 100)
    assert control.limit == control.most


def test_slow_loads_make_it_fall_to_a_trickle_and_quick_ones_raise_it_again(control, clock):
    record(control, clock, USUAL, 100)
    record(control, clock, SLOW, 100)
    assert control.limit == FLOOR
    record(control, clock, USUAL, 150)
    assert control.limit == control.most


def test_kinds_have_their_own_usual_times(control, clock):
    for _ in range(100):
        record(control, clock, USUAL, 1)
        clock.forward(SLOW)
        control.record("page", SLOW)
    assert control.limit == control.most


async def test_loads_of_one_entry_are_not_slow_beside_large_batches(control, clock):
    """A batch of 64 takes twice as long as a load of one; so each of its entries seems 32 times as quick."""
    for _ in range(50):
        async with control.turn("post", 64):
            clock.forward(2 * USUAL)
    for _ in range(50):
        await load(control, clock, USUAL)
    assert control.limit == control.most


def test_a_slow_database_is_seen_by_batches_of_a_new_size(control, clock):
    """When loads are slow, more entries wait for each: the batches grow to sizes that were not seen before."""
    record(control, clock, USUAL, 100)
    for _ in range(100):
        control.record("post", SLOW, 8)
    assert control.limit < 1


def test_loads_that_stay_dearer_are_usual_in_the_end(control, clock):
    record(control, clock, USUAL, 100)
    record(control, clock, SLOW, 50)
    for _ in range(60):
        clock.forward(60)
        control.record("post", SLOW)
    assert control.limit > 1


async def test_below_one_there_are_rests_between_loads(control, clock, rests):
    control.limit = 0.1
    await load(control, clock, USUAL)
    await load(control, clock, USUAL)
    assert sum(rests) == pytest.approx(USUAL * 9, rel=0.2)


async def test_no_rest_is_endless(control, clock, rests):
    control.limit = FLOOR
    await load(control, clock, 3600)
    await load(control, clock, USUAL)
    assert sum(rests) <= LONGEST_REST * 1.01


async def test_no_more_than_the_limit_run_at_once(control):
    control.limit, gate, most = 3.0, asyncio.Event(), 0

    async def hold() -> None:
        nonlocal most
        async with control.turn("post"):
            most = max(most, control.running)
            await gate.wait()

    tasks = [asyncio.ensure_future(hold()) for _ in range(20)]
    await asyncio.sleep(0)
    assert control.running == 3
    control.limit = control.most = 3.0
    gate.set()
    await asyncio.gather(*tasks)
    assert (most, control.running) == (3, 0)


async def test_no_more_entries_a_second_than_the_rate(clock, rests):
    async def sleep(seconds: float) -> None:
        rests.append(seconds)
        clock.forward(seconds)

    control = LoadControl(clock=clock, sleep=sleep, rate=100)
    began = clock()
    for _ in range(10):
        async with control.turn("post", 50):
            pass
    assert clock() - began == pytest.approx(4.5)


async def test_a_failed_load_halves_the_limit(control, clock):
    control.limit = 4.0
    with pytest.raises(RuntimeError):
        async with control.turn("post"):
            raise RuntimeError
    assert control.limit == 2.0


def test_slow_readers_alone_leave_one_load_at_a_time(control, clock):
    """Those of an empty cache wait because it is empty: to stop filling it would not help them."""
    record(control, clock, USUAL, 100)
    for wait in (USUAL, USUAL, *[SLOW] * 20):
        control.record_readers(wait)
    assert control.limit == 1.0


async def test_warming_stops_while_readers_wait_and_loads_are_slow(control, clock, rests):
    record(control, clock, USUAL, 100)
    control.record_readers(USUAL)
    record(control, clock, SLOW, 20)
    for _ in range(3):
        control.record_readers(SLOW * 2)
    await load(control, clock, USUAL)
    assert sum(rests) >= STOP
    assert control.limit <= 1
