"""The comparison of two checkouts: what its interval covers, and when it can tell."""

import pytest

from tests.benchmarks.contender import ROOT
from tests.benchmarks.versions.checkout import start_checkout
from tests.benchmarks.versions.comparison import ALLOWED, CONFIDENCE, Comparison, coverage_of, may_cost_more


def comparison(*ratios: float) -> Comparison:
    return Comparison("it", tuple((2.0, 2.0 * ratio) for ratio in ratios))


@pytest.mark.parametrize(("pairs", "rank"), [(6, 0), (9, 1), (12, 2), (20, 5)])
def test_the_interval_is_as_narrow_as_its_confidence_allows(pairs, rank):
    ratios = [1 + number / 1000 for number in range(pairs)]
    assert comparison(*ratios).interval == pytest.approx((ratios[rank], ratios[-1 - rank]))
    assert coverage_of(pairs, rank) >= CONFIDENCE > coverage_of(pairs, rank + 1)


def test_one_disturbed_pair_moves_neither_ratio_nor_interval():
    calm = comparison(*[1.0] * 12)
    disturbed = comparison(*[1.0] * 11, 9.0)
    assert (disturbed.ratio, disturbed.interval) == (calm.ratio, calm.interval) == (1.0, (1.0, 1.0))


@pytest.mark.parametrize(
    ("ratios", "answer"),
    [
        ([ALLOWED + 0.01] * 12, "yes"),
        ([ALLOWED - 0.01] * 12, "no"),
        ([0.9] * 6 + [1.2] * 6, "cannot tell"),
        ([ALLOWED + 0.01] * 5, "cannot tell"),
    ],
)
def test_an_operation_is_dearer_only_if_the_whole_interval_is(ratios, answer):
    assert may_cost_more(comparison(*ratios)) == answer


def test_every_operation_runs_in_a_process_of_its_own(fresh_redis):
    with start_checkout(ROOT, fresh_redis, "versions") as checkout:
        assert len(checkout.operations) == 17
        costs = [checkout.run(operation) for operation in checkout.operations]
    assert all(0 < cost < 1 for cost in costs)
