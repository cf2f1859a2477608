"""The measuring itself: whose processor time counts, who goes first, and who was the limit."""

import subprocess
import sys

import pytest

from tests.benchmarks.contender import Contender
from tests.benchmarks.cpu import own_seconds, seconds_of
from tests.benchmarks.load import FailedUnderLoad, Load, load_by
from tests.benchmarks.runs import Measured, Run, in_turn

BUSY = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ninput()"
PARENT = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BUSY!r}])"


def load(*, requests: int = 100, seconds: float = 1.0, busy: float = 0.5) -> Load:
    return Load(requests, seconds, p50=0.001, p99=0.002, busy=busy, failures=0, told={})


def test_the_time_of_a_server_is_that_of_its_processes_as_well():
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        parent.stdout.readline()
        assert (
            seconds_of(parent.pid) - own_seconds(parent.pid) >= 0.28
        )  # the children take 0.3 s, counted in hundredths
        parent.stdin.close()


def test_each_round_begins_with_another_contender():
    contenders = [Contender(name, port=0, pid=1) for name in "abc"]
    order = []

    def load_contender(contender: Contender) -> Load:
        order.append(contender.name)
        return load(requests=100 * len(order))

    measured = in_turn(contenders, load_contender, rounds=3)
    assert "".join(order) == "abcbcacab"
    assert [each.name for each in measured] == ["a", "b", "c"]
    assert [run.load.requests for run in measured[0].runs] == [100, 600, 800]
    assert measured[0].rate == 600
    assert measured[0].spread == pytest.approx(700 / 600)


@pytest.mark.parametrize(
    ("generator", "server", "waited"), [(1.0, 0.7, True), (1.0, 0.99, False), (0.6, 0.99, False), (0.3, 0.4, False)]
)
def test_a_server_that_waited_for_the_generator_is_told(generator, server, waited):
    assert Measured("it", (Run(load(busy=generator), server_seconds=server),)).waited_for_load is waited


def test_the_cost_of_a_request_is_the_servers_time():
    run = Run(load(requests=1000, seconds=2.0), server_seconds=0.5)
    assert (run.rate, run.cost, run.server_busy) == (500, 0.0005, 0.25)


@pytest.mark.parametrize(("requests", "failures"), [(0, 0), (10, 1)])
def test_a_run_with_failures_is_none(requests, failures):
    said = f'{{"requests": {requests}, "failures": {failures}, "microseconds": 1000, "p50": 1, "p99": 2}}'
    with pytest.raises(FailedUnderLoad, match=f"{failures} failures, {requests} requests"):
        load_by(["echo", said])


def test_what_a_script_counts_is_told():
    said = '{"requests": 10, "failures": 0, "microseconds": 2000000, "p50": 1000, "p99": 2000, "hits": 7}'
    ran = load_by(["echo", said])
    assert (ran.requests, ran.seconds, ran.p50, ran.p99, ran.told) == (10, 2.0, 0.001, 0.002, {"hits": 7})
