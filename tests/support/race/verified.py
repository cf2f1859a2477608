"""A race whose processes verify their cache: what the verifiers report, and when."""

import subprocess
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import redis
from redis.exceptions import RedisError

from content.caching.verify import Inconsistency
from content.caching.verify.findings import decode_findings
from tests.support.race.course import Course, run_processes
from tests.support.race.faults.fault import Fault, set_stage
from tests.support.race.faults.outcome import strike
from tests.support.race.workloads import Workload

KEY = "{race:verify}:found"
# Entries live long enough to be looked at, and rows are written seldom enough that a wrong one lasts.
CALM: dict[str, Any] = {"ttl": 30.0, "stale_ttl": 30.0, "verify": 0.01, "pause": 1.5, "dawdle": 0.03}
ROWS, TASKS = 120, 6
# Seconds of a race after a fault, in which what it left behind is looked at.
AFTERWARDS = 12.0
# Where the workload has weights of its own, bursts are one step in ten.
BURSTS = {"burst": 10}
READING = {"read": 10, "read_page": 10, "read_beside": 10, "burst": 30, "forget": 5}
# Seconds between two steps of a task, at most, where more writes are needed to show it; by the workload's name.
PAUSES = {"short log": 0.1, "forgetful": 0.4, "lost log": 0.4}
OWN_ROWS = ("short log", "forgetful", "lost log")


def calm(workload: Workload) -> Workload:
    """The same race, in bursts with seconds between them."""
    weights = workload.options.get("weights", READING)
    options = (
        workload.options | CALM | {"pause": PAUSES.get(workload.name, CALM["pause"]), "weights": with_bursts(weights)}
    )
    own = tuple(
        each | ({"weights": with_bursts(each["weights"])} if "weights" in each else {})
        for each in workload.own_options
    )
    rows = workload.rows if workload.name in OWN_ROWS else ROWS
    tasks = workload.tasks if workload.name in OWN_ROWS else TASKS
    return replace(workload, options=options, own_options=own, rows=rows, tasks=tasks)


def with_bursts(weights: dict[str, float]) -> dict[str, float]:
    """More writes in bursts. Those of a watched table go through its triggers."""
    if "move" in weights:
        return weights
    return weights | {"burst_watched": 40} if "write_watched" in weights else BURSTS | weights


def race_until_found(
    workload: Workload, redis_url: str, database_url: str, seconds: float, code: Path, processes: int = 2
) -> tuple[list[Inconsistency], float]:
    """The reports, and the seconds until the first. It ends with the first one."""
    workload, took = calm(workload), float("inf")

    def meanwhile(course: Course, racers: list[subprocess.Popen[str]]) -> None:
        nonlocal took
        began = time.monotonic()
        done = wait_in_thread(workload, course, racers)
        while any(racer.poll() is None for racer in racers) and not read_findings(redis_url):
            time.sleep(0.1)
        took = time.monotonic() - began
        for racer in racers:
            racer.kill()
        done()

    course = Course(
        redis_url,
        database_url,
        seconds=seconds,
        processes=processes,
        rows=workload.rows,
        tasks=workload.tasks,
        code=code,
        options=workload.options,
        own_options=[workload.own_options[number % len(workload.own_options)] for number in range(processes)]
        if workload.own_options
        else [],
    )
    with tempfile.TemporaryDirectory(prefix="race-") as folder:
        run_processes(course, [Path(folder) / f"{number}.jsonl" for number in range(processes)], meanwhile)
    return read_findings(redis_url), took


def race_with_fault(fault: Fault) -> tuple[list[str], int]:
    """A line for each inconsistency that the verifiers found, and the number of entries that they checked."""
    with set_stage(fault) as scene, tempfile.TemporaryDirectory(prefix="race-") as folder:

        def meanwhile(course: Course, racers: list[subprocess.Popen[str]]) -> None:
            scene.processes = racers
            strike(fault, scene)

        course = Course(
            scene.redis_url,
            scene.database_url,
            seconds=fault.seconds + AFTERWARDS,
            processes=len(fault.own_options),
            rows=ROWS,
            tasks=TASKS,
            options={"weights": READING} | fault.options | CALM | {"verify": 0.05},
            own_options=list(fault.own_options),
        )
        run_processes(
            course, [Path(folder) / f"{number}.jsonl" for number in range(len(fault.own_options))], meanwhile
        )
        lines = [line for path in Path(folder).glob("*.found") for line in path.read_text().splitlines()]
    return [line for line in lines if line.startswith("inconsistent")], len(lines)


def wait_in_thread(workload: Workload, course: Course, racers: list[subprocess.Popen[str]]) -> Any:
    """Run the workload's own part beside the watch for reports. It ends when the processes have."""
    thread = threading.Thread(target=workload.meanwhile, args=(course, racers))
    thread.start()
    return thread.join


def read_findings(redis_url: str) -> list[Inconsistency]:
    with redis.Redis.from_url(redis_url) as client:
        try:
            return decode_findings(client.lrange(KEY, 0, -1))
        except RedisError:
            return []
