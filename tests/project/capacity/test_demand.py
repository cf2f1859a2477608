"""The capacity model: linear in reads, never less for more, and in units that add up."""

from dataclasses import Field, fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from project.capacity.costs import read_costs
from project.capacity.demand import (
    CPU,
    DAY,
    amounts_of,
    between_rounds,
    demand_of,
    headers_read,
    interpolate,
    rates_of,
)
from project.capacity.ends import LIMITS, ends_of, factor_of
from project.capacity.load import BadLoad, Load
from project.capacity.quantities import Driver, Quantity

COSTS = read_costs()
shares = st.floats(0, 0.3)
loads = st.builds(
    Load,
    posts=st.floats(0, 1e7),
    web_processes=st.floats(1, 5_000),
    workers=st.floats(1, 500),
    reads=st.floats(0, 1e6),
    from_redis=shares,
    misses=shares,
    edits=st.floats(0, 1e4),
    edit_pages=st.floats(0, 100),
    viewers=st.floats(0, 1e4),
)


@given(loads, st.sampled_from(["posts", "web_processes", "workers", "reads", "edits", "edit_pages", "viewers"]))
def test_more_of_anything_never_costs_less(load: Load, name: str) -> None:
    more = replace(load, **{name: getattr(load, name) * 1.5})
    before, after = amounts_of(load, COSTS), amounts_of(more, COSTS)
    # The control loop takes a share of the time, whatever it does: rounds that read more headers plan less a second.
    shared = {Quantity.WORKER_CPU, Quantity.POSTGRES_CPU, Quantity.TRANSACTIONS} if name == "posts" else set()
    for quantity in set(Quantity) - shared:
        assert after[quantity] >= before[quantity] * (1 - 1e-9), quantity
    assert sum(after[each] for each in CPU) >= sum(before[each] for each in CPU) * (1 - 1e-9)


@given(loads)
def test_the_next_read_does_not_cost_more_than_the_last(load: Load) -> None:
    none, once, twice = (amounts_of(replace(load, reads=count * load.reads), COSTS) for count in (0, 1, 2))
    for quantity in Quantity:
        first, second = once[quantity] - none[quantity], twice[quantity] - once[quantity]
        # Differences of large sums have lost their last digits.
        assert second <= first * (1 + 1e-6) + 1e-6 + 1e-12 * twice[quantity]


@given(loads)
def test_each_read_at_the_web_processes_is_of_one_kind(load: Load) -> None:
    rates = rates_of(load, COSTS)
    kinds = (Driver.PAGE_HIT, Driver.REDIS_HIT, Driver.MISS)
    assert sum(rates[kind] for kind in kinds) == pytest.approx(load.reads * load.at_web)


def test_a_site_without_readers_and_edits_is_its_processes_and_rounds() -> None:
    load = Load(posts=0, web_processes=3, workers=2, reads=0, edits=0)
    expected = COSTS.drivers[Driver.SITE][Quantity.WEB_CPU] + 3 * COSTS.drivers[Driver.WEB_PROCESS][Quantity.WEB_CPU]
    assert amounts_of(load, COSTS)[Quantity.WEB_CPU] == pytest.approx(expected)


def test_each_page_is_made_again_once_a_day() -> None:
    load = Load(posts=1_000_000, edits=0)
    assert rates_of(load, COSTS)[Driver.PAGE_MADE] * DAY == pytest.approx(load.pages)


def test_an_edit_makes_the_pages_that_it_is_said_to() -> None:
    still = rates_of(Load(edits=0), COSTS)[Driver.PAGE_MADE]
    assert rates_of(Load(edits=2, edit_pages=5), COSTS)[Driver.PAGE_MADE] - still == pytest.approx(10)
    assert rates_of(Load(edits=2), COSTS)[Driver.PAGE_MADE] - still == pytest.approx(2 * COSTS.edit_pages)


def test_pages_that_are_made_again_cost_the_database_too() -> None:
    few, many = (amounts_of(Load(edits=10, edit_pages=pages), COSTS) for pages in (1, 100))
    for quantity in (Quantity.POSTGRES_CPU, Quantity.TRANSACTIONS, Quantity.CACHE_BYTES, Quantity.WORKER_CPU):
        assert many[quantity] > few[quantity] * 1.1, quantity


def test_items_are_those_that_sites_have() -> None:
    """Sites of 509, 18,000 and 100,000 posts (docs/warming.md)."""
    for posts, items in ((509, 3_758 + 1_691), (18_000, 105_500 + 49_200), (100_000, 586_000 + 273_000)):
        assert Load(posts=posts).items == pytest.approx(items, rel=0.01)


def test_the_loop_rests_ten_times_as_long_as_a_round_takes() -> None:
    assert [between_rounds(took) for took in (0.01, 1, 1_000)] == [2.01, 11, 1_020]
    # The hot set of 5,000 is read each ten seconds. Rounds of 10 ms, 1 s and 1,000 s: pauses of 2, 10 and 20 s.
    assert headers_read(100, 0.01) == pytest.approx(10)
    assert headers_read(5_100, 0.01) == pytest.approx(500 + 100 / 2.01)
    assert headers_read(15_000, 1) == pytest.approx(500 + 10_000 / 11)
    assert headers_read(10_005_000, 1_000) == pytest.approx(500 + 10_000_000 / 1_020)


def test_records_are_read_off_between_the_rates_that_were_measured() -> None:
    points = [(1.0, 10.0), (3.0, 20.0), (4.0, 15.0)]
    assert [interpolate(points, rate) for rate in (0, 0.5, 1, 2, 3, 3.5, 8)] == [0, 5, 10, 15, 20, 20, 20]
    assert interpolate(points[:2], 5) == 30


def test_memory_of_a_process_is_bounded_by_its_setting() -> None:
    small, large = (demand_of(Load(posts=1e7, memory=memory), COSTS).web_memory for memory in (64, 128))
    assert large - small == Load().web_processes * 64 * 1024**2


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.part)
@settings(max_examples=20)
@given(load=loads)
def test_a_part_is_full_at_the_load_at_which_it_ends(limit, load: Load) -> None:
    factor = factor_of(limit, load, COSTS)
    if factor:
        grown = load.times(factor)
        assert limit.used(grown, demand_of(grown, COSTS)) == pytest.approx(limit.most(load), rel=1e-6)
    elif factor == 0:
        still = load.times(0)
        assert limit.used(still, demand_of(still, COSTS)) > limit.most(load)


def test_the_first_end_comes_first() -> None:
    factors = [end.factor for end in ends_of(Load(), COSTS) if end.factor is not None]
    assert factors == sorted(factors)
    assert all(end.then for end in ends_of(Load(), COSTS))


@pytest.mark.parametrize("number", fields(Load), ids=lambda number: number.name)
def test_numbers_out_of_bounds_are_refused_by_name(number: Field[float]) -> None:
    bound, name = number.metadata["bound"], number.name
    for value in (bound.least - 1, bound.most * 2, float("nan"), float("inf")):
        with pytest.raises(BadLoad, match=rf"--{name.replace('_', '-')} "):
            Load(**{name: value})


def test_shares_of_the_same_reads_are_at_most_one_together() -> None:
    with pytest.raises(BadLoad, match="at most 1 together"):
        Load(from_redis=0.9, misses=0.2)
    with pytest.raises(BadLoad, match="--at-web is larger"):
        Load(at_varnish=0.5, at_web=0.6)
