"""Rates between two points: within one epoch, over a window, and never below nothing."""

import pytest

from content.ops.numbers import TILES, Number, compute, show
from content.ops.points import Point, Window


def point(at: float, epoch: str = "a", **counters: float) -> Point:
    return Point(at, epoch, {name.replace("_", "."): value for name, value in counters.items()})


def test_a_rate_is_taken_over_the_window_and_not_over_the_last_second():
    history = [point(seconds, reads=10 * seconds) for seconds in range(60)]
    window = Window.of(point(60, reads=1100), history)
    assert window.seconds == 15
    assert window.rate("reads") == pytest.approx((1100 - 450) / 15)


def test_a_gap_heals_since_counters_are_stored():
    window = Window.of(point(400, reads=400), [point(0, reads=0), point(100, reads=100)])
    assert window.rate("reads") == 1


@pytest.mark.parametrize(
    "before",
    [[], [point(0, "b", reads=1)], [point(59.5, reads=1)], [point(0, reads=500)]],
    ids=["no history", "another epoch", "too short", "shrunk"],
)
def test_a_rate_that_cannot_be_known_is_none(before):
    assert Window.of(point(60, reads=100), before).rate("reads") is None


def test_a_counter_that_is_new_began_at_nothing_and_one_that_is_missing_is_not_known():
    window = Window.of(point(20, reads=100), [point(0)])
    assert window.rate("reads") == 5
    assert window.rate("loads") is None
    assert window.share(["loads"], ["reads"]) is None


def test_a_quantile_is_the_bound_of_its_bucket_and_of_the_window_alone():
    old = Point(0, "a", {"request_seconds.0.001": 1000, "request_seconds.0.1": 0, "request_seconds.inf": 0})
    now = Point(20, "a", {"request_seconds.0.001": 1098, "request_seconds.0.1": 1, "request_seconds.inf": 1})
    window = Window.of(now, [old])
    assert [window.quantile(share) for share in (0.5, 0.98, 0.99, 1.0)] == [0.001, 0.001, 0.1, float("inf")]
    assert Window(now).quantile(0.5) is None


def test_each_number_is_computed_and_shown_even_if_nothing_is_known():
    window = Window(point(0))
    numbers = [number for tile in TILES for number in tile.numbers]
    assert {show(compute(number, window), number.unit) for number in numbers} == {"-"}


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.99999, "%", "99.9 %"),
        (1.0, "%", "100 %"),
        (0.1, "%", "10 %"),
        (0.00123, "ms", "1.23 ms"),
        (float("inf"), "ms", "longest bucket"),
        (12345.6, "/s", "12,346 /s"),
        (0, "", "0"),
        (12.34, "", "12.3"),
    ],
)
def test_values_are_short_and_all_is_never_said_of_less(value, unit, text):
    assert show(value, unit) == text


def test_a_share_of_pages_counts_no_request_that_could_not_be_cached():
    number = next(each for tile in TILES for each in tile.numbers if each.name == "hits.pages")
    window = Window.of(
        Point(20, "a", {"requests.hit": 8, "requests.stale": 1, "requests.joined": 0, "requests.miss": 1}),
        [Point(0, "a")],
    )
    assert isinstance(number, Number)
    assert compute(number, window) == 0.9
