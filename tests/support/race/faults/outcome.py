"""The effect of a fault on readers in the middle of a race. The checker looks at each answer."""

import time
from dataclasses import dataclass
from subprocess import Popen

from tests.support.race.checker import Findings
from tests.support.race.course import Course, run_race
from tests.support.race.faults.fault import AFTER, BEFORE, Fault, Scene, set_stage
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
# Not "refresh": those wait for their load.
READERS = ("get", "get_many", "get_sync", "get_many_sync", "page", "row page", "plain page")


@dataclass
class Outcome:
    """For readers, over the whole race. `recovered`: seconds from the end of the fault to the first half second in
    which most values are fresh and nothing fails."""

    findings: Findings
    reader_errors: list[Failure]
    worst_seconds: float
    most_loads: int
    recovered: float


def race_with_fault(fault: Fault) -> Outcome:
    with set_stage(fault) as scene:
        ended = 0.0

        def meanwhile(course: Course, processes: list[Popen[str]]) -> None:
            nonlocal ended
            scene.processes = processes
            ended = strike(fault, scene)

        course = Course(
            scene.redis_url,
            scene.database_url,
            seconds=fault.seconds,
            processes=len(fault.own_options),
            options={"weights": WEIGHTS} | fault.options,
            own_options=list(fault.own_options),
        )
        findings = run_race(course, meanwhile, one_load=fault.one_load, by_clock=False, by_log=fault.by_log)
    return outcome_of(findings, ended)


def strike(fault: Fault, scene: Scene) -> float:
    """Run the fault in the middle of a race that has just begun; the time when it ended."""
    time.sleep(BEFORE)
    began = now()
    with fault.happen(scene):
        time.sleep(max(0.0, began + fault.during - now()))
    return now()


def outcome_of(findings: Findings, ended: float) -> Outcome:
    reads = findings.all_reads
    return Outcome(
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
    """Seconds until readers recovered, in steps of a quarter of a second."""
    for step in range(int(AFTER * 4) - 2):
        begin = ended + step / 4
        window = [read for read in reads if begin <= read.began < begin + 0.5]
        failed = any(begin <= failure.ended < begin + 0.5 for failure in failures)
        fresh = sum(not read.stale for read in window)
        if window and not failed and fresh / len(window) > 0.5:
            return step / 4
    return float("inf")
