"""Each rule holds in its model, and each guard that is removed leaves a counter-example."""

from functools import cache

import pytest

from tests.model.explorer import explore
from tests.model.rules import Case, cases, cells
from tests.support.service import ROOT

SMALL = 100_000
# Seconds. The largest bound takes two minutes.
LONGEST = 1800


# Each case is explored once for all tests.
explored = cache(Case.explore)


def parametrize(*, large: bool, holds: bool) -> pytest.MarkDecorator:
    chosen = [case for case in cases() if case.is_large is large and case.holds is holds]
    return pytest.mark.parametrize("case", chosen, ids=lambda case: case.name)


@parametrize(large=False, holds=True)
def test_a_rule_holds(case: Case):
    assert explored(case, SMALL).holds


@parametrize(large=False, holds=False)
def test_without_a_guard_there_is_a_counter_example(case: Case):
    result = explored(case, SMALL)
    assert result.problem is not None
    # Told from the first state on, unless that one breaks the promise.
    assert len(result.story) > 0 or result.states == 1


@pytest.mark.slow
@pytest.mark.timeout(LONGEST)
@parametrize(large=True, holds=True)
def test_a_rule_holds_in_a_large_bound(case: Case):
    assert case.explore().holds


@pytest.mark.slow
@pytest.mark.timeout(LONGEST)
@parametrize(large=True, holds=False)
def test_a_guard_is_needed_in_a_large_bound(case: Case):
    assert case.explore().problem is not None


def test_the_documentation_has_the_results_of_the_small_bounds():
    page = (ROOT / "docs/stories.md").read_text()
    rows = ["| " + " | ".join(cells(case, explored(case, SMALL))) + " |" for case in cases() if not case.is_large]
    assert [row for row in rows if row not in page] == []


def test_each_guard_is_removed_once():
    for case in cases():
        model = case.model
        removed = {name for other in cases() if type(other.model) is type(model) for name in other.removed}
        assert removed == set(model.guards.__dataclass_fields__)


class Counter:
    """Counts to three, by one or by two."""

    def first_state(self):
        return 0

    def steps(self, state):
        yield from ((f"add {step}", state + step) for step in (1, 2) if state + step <= 3)

    def key(self, state):
        return state

    def problem(self, state):
        return "three" if state == self.wrong else None

    def __init__(self, wrong=None):
        self.wrong = wrong


def test_the_explorer_visits_every_state_once():
    assert explore(Counter()).states == 4


def test_the_explorer_finds_the_shortest_story():
    assert explore(Counter(wrong=3)).story == ("add 1", "add 2")


def test_an_exploration_that_was_cut_off_does_not_hold():
    result = explore(Counter(), most=2)
    assert not result.holds
    assert not result.is_complete
