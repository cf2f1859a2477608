"""The benchmark of a large run, in miniature."""

from itertools import count

import pytest

from tests.benchmarks import warm_run
from tests.benchmarks.rounds import console
from tests.benchmarks.warm_run import Proof, prove, report
from tests.support.warming.runs import ReadBack
from tests.support.warming.site import running_site

RUN = {"id": 1, "state": "done", "planned": 10, "warmed": 7, "fresh": 3, "failed": 0, "skipped": 0, "takeovers": 1}
RUN |= {"queries": 9, "seconds": 2.0}


@pytest.mark.parametrize(
    ("changed", "printed", "back", "is_equal"),
    [
        ({}, 10, (10, 10), True),
        ({"warmed": 6}, 10, (10, 10), False),
        ({"warmed": 6, "failed": 1}, 10, (10, 10), False),
        ({}, 9, (10, 10), False),
        ({}, 10, (10, 9), False),
        ({}, 10, (11, 11), False),
    ],
)
def test_three_processes_must_say_the_same(changed, printed, back, is_equal):
    proof = Proof(run=RUN | changed, printed={"done": printed, "planned": 10}, read_back=ReadBack(*back, []))
    assert proof.is_equal is is_equal
    with console.capture() as captured:
        report(proof)
    assert ("They DIFFER." in captured.get()) is not is_equal


def test_the_last_target_is_that_after_which_nothing_is_counted(monkeypatch):
    monkeypatch.setattr(warm_run, "QUIET", 0.0)
    numbers = count()
    assert warm_run.seconds_to_the_last(lambda: RUN | {"warmed": next(numbers)}) == 0.0


@pytest.mark.slow
def test_a_run_is_cancelled_resumed_and_survives_kill_9_of_its_worker(tmp_path):
    with running_site(tmp_path) as site:
        # Slow enough to be cancelled and killed in the middle.
        site.environment["EVERGREEN_WARM_RATE"] = "40"
        proof = prove(site)
    assert proof.run["takeovers"] == 1
    assert proof.is_equal, (proof.run, proof.printed["done"], proof.read_back)
