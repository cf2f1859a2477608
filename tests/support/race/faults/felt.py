"""What readers felt of a fault, in the middle of a race, with the checker watching every answer."""

import time
from dataclasses import dataclass
from subprocess import Popen

from tests.support.race.checker import Findings
from tests.support.race.course import Course, run_race
from tests.support.race.faults.fault import AFTER, BEFORE, Fault, Scene, staged
from tests.support.race.history import Failure, Read, now

# Tasks and threads read side by side.
WEIGHTS = {
    "read": 45,
    "read_sync": 25,
    "read_page": 10,
    "read_many": 5,
    "read_many_sync": 3,
    "write": 6,
    "refresh": 3,
    "forget": 3,
}
# Those who refresh by hand take their turn, and wait for it.
READERS = ("get", "get_many", "get_sync", "get_many_sync", "page", "row page", "plain page")


@dataclass
class Felt:
    """By readers, over the whole race; `recovered` is the time from the fault's end to the first half second in
    which fresh values are the rule again and nothing fails."""

    findings: Findings
    reader_errors: list[Failure]
    worst_seconds: float
    most_loads: int
    recovered: float


def suffered(fault: Fault) -> Felt:
    with staged(fault) as scene:
        ended = 0.0

        def meanwhile(course: Course, processes: list[Popen]) -> None:
            nonlocal ended
            scene.processes = processes
            ended = struck(fault, scene)

        course = Course(
            scene.redis_url,
            scene.database_url,
            seconds=fault.seconds,
            processes=len(fault.own_options),
            options={"weights": WEIGHTS} | fault.options,
            own_options=list(fault.own_options),
        )
        findings = run_race(course, meanwhile, one_load=fault.one_load, by_clock=False, by_log=fault.by_log)
    return felt(findings, ended)


def struck(fault: Fault, scene: Scene) -> float:
    """In the middle of a race that has just begun; the moment when it was over."""
    time.sleep(BEFORE)
    began = now()
    with fault.happen(scene):
        time.sleep(max(0.0, began + fault.during - now()))
    return now()


def felt(findings: Findings, ended: float) -> Felt:
    reads = findings.all_reads
    return Felt(
        findings,
        [failure for failure in findings.failures if failure.what.startswith("read")],
        max((read.ended - read.began for read in reads if read.by in READERS), default=0.0),
        most_at_once(findings),
        recovery(reads, findings.failures, ended),
    )


def most_at_once(findings: Findings) -> int:
    loads = findings.all_loads
    edges = [(load.began, 1) for load in loads] + [(load.ended, -1) for load in loads]
    most = running = 0
    for _, step in sorted(edges):
        running += step
        most = max(most, running)
    return most


def recovery(reads: list[Read], failures: list[Failure], ended: float) -> float:
    """In steps of a quarter of a second."""
    for step in range(int(AFTER * 4) - 2):
        begin = ended + step / 4
        window = [read for read in reads if begin <= read.began < begin + 0.5]
        failed = any(begin <= failure.ended < begin + 0.5 for failure in failures)
        fresh = sum(not read.stale for read in window)
        if window and not failed and fresh / len(window) > 0.5:
            return step / 4
    return float("inf")
