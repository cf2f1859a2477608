"""How processes race: what they do, and what is done to them meanwhile."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import Any

from tests.support.race.checker import Findings
from tests.support.race.course import Course, Meanwhile, run_race


def nothing(processes: list[subprocess.Popen]) -> None:
    """They are left alone."""


@dataclass(frozen=True)
class Workload:
    """`weights`: of read, page, get_many, write, refresh, forget."""

    name: str
    what: str
    rows: int = 8
    tasks: int = 12
    options: dict[str, Any] = field(default_factory=dict)
    own_options: tuple[dict[str, Any], ...] = ()
    meanwhile: Meanwhile = nothing
    checks: dict[str, Any] = field(default_factory=dict)
    # Writers are told when the log does not answer in time; readers are not.
    may_fail: tuple[str, ...] = ()

    def run(self, redis_url: str, database_url: str, seconds: float, processes: int = 3, **course: Any) -> Findings:
        return run_race(
            Course(
                redis_url,
                database_url,
                seconds=seconds,
                processes=processes,
                rows=self.rows,
                tasks=self.tasks,
                options=self.options,
                own_options=[self.own_options[number % len(self.own_options)] for number in range(processes)]
                if self.own_options
                else [],
                **course,
            ),
            self.meanwhile,
            **self.checks,
        )


def stop_and_go(processes: list[subprocess.Popen]) -> None:
    """One process after the other is stopped for longer than a lease, and goes on as if nothing had been."""
    while all(process.poll() is None for process in processes):
        for process in processes:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGSTOP)
                time.sleep(0.8)
                os.kill(process.pid, signal.SIGCONT)
                time.sleep(0.4)


BUSY = Workload("busy", "eight rows that all write and read")
QUIET = Workload(
    "quiet",
    "few writes, and times that run out: what is loaded is loaded once",
    rows=400,
    options={"weights": [70, 10, 10, 0.3, 2, 8], "dawdle": 0.05},
)
SELDOM = Workload(
    "seldom",
    "rows that nobody reads for longer than they live",
    rows=3000,
    tasks=4,
    options={"weights": [92, 0, 7, 1, 0, 0], "pause": 0.01},
)
PAUSED = Workload(
    "paused",
    "processes that are stopped for longer than a lease",
    options={"lease": 0.5, "dawdle": 0.05},
    meanwhile=stop_and_go,
    # A load whose lease lapsed is replaced: two run. Stopped between clock and answer, a process answers late.
    checks={"one_load": False, "by_clock": False},
    may_fail=("write",),
)
SKEWED = Workload(
    "skewed",
    "clocks that are half a minute apart",
    own_options=({"skew": 0.0}, {"skew": 30.0}, {"skew": -30.0}),
    checks={"by_clock": False},
)
WORKLOADS = (BUSY, QUIET, SELDOM, PAUSED, SKEWED)
