"""Workloads: the steps of racing processes, and what a test does to the processes meanwhile."""

import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import redis

from tests.support.race.checker import Findings
from tests.support.race.course import Course, Meanwhile, run_race


def nothing(course: Course, processes: list[subprocess.Popen[str]]) -> None:
    """They are left alone."""


@dataclass(frozen=True)
class Workload:
    """Eight rows and twelve tasks a process, unless it says otherwise."""

    name: str
    what: str
    rows: int = 8
    tasks: int = 12
    options: dict[str, Any] = field(default_factory=dict)
    own_options: tuple[dict[str, Any], ...] = ()
    meanwhile: Meanwhile = nothing
    checks: dict[str, Any] = field(default_factory=dict)
    # Writers get an error if the log does not answer in time; readers do not.
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


def racing_on(processes: list[subprocess.Popen[str]]) -> Iterator[subprocess.Popen[str]]:
    """One after the other, until they are done."""
    while all(process.poll() is None for process in processes):
        yield from processes


def stop_and_go(course: Course, processes: list[subprocess.Popen[str]]) -> None:
    """One process after the other is stopped for longer than a lease, and goes on as if nothing had been."""
    for process in racing_on(processes):
        if process.poll() is None:
            process.send_signal(signal.SIGSTOP)
            time.sleep(0.8)
            process.send_signal(signal.SIGCONT)
            time.sleep(0.4)


def delete_the_log(course: Course, processes: list[subprocess.Popen[str]]) -> None:
    with redis.Redis.from_url(course.redis_url) as client:
        for _ in racing_on(processes):
            client.delete("{race:log}")
            time.sleep(0.3)


BUSY = Workload("busy", "eight rows that all write and read")
QUIET = Workload(
    "quiet",
    "few writes, and times that run out: what is loaded is loaded once",
    rows=400,
    options={
        "weights": {"read": 70, "read_page": 10, "read_many": 10, "write": 0.3, "refresh": 2, "forget": 8},
        "dawdle": 0.05,
    },
)
SELDOM = Workload(
    "seldom",
    "rows that nobody reads for longer than they live",
    rows=3000,
    tasks=4,
    options={"weights": {"read": 92, "read_many": 7, "write": 1}, "pause": 0.01},
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
REPLACED = Workload(
    "replaced",
    "long loads by processes that are stopped, and replaced by others meanwhile",
    rows=200,
    options={"lease": 0.5, "dawdle": 0.3, "weights": {"read": 80, "write": 0.3, "forget": 20}},
    meanwhile=stop_and_go,
    checks={"one_load": False, "by_clock": False, "lapsed_after": 0.6},
    may_fail=("write",),
)
MOVING = Workload(
    "moving",
    "what is written concerns two rows, the one it leaves and the one it comes to",
    options={"weights": {"read": 60, "read_page": 15, "read_many": 8, "move": 12, "forget": 5}},
)
LONG_LIVED = {"ttl": 6.0, "stale_ttl": 6.0}
FORGETFUL = Workload(
    "forgetful",
    "entries that live longer than a process remembers tags",
    rows=100,
    options=LONG_LIVED | {"most_tags": 20},
)
SHORT_LOG = Workload(
    "short log",
    "processes that are stopped for longer than the log reaches back",
    rows=400,
    options=LONG_LIVED | {"longest_log": 20},
    meanwhile=stop_and_go,
    checks={"one_load": False, "by_clock": False},
    may_fail=("write",),
)
LOST_LOG = Workload(
    "lost log",
    "a log that is deleted three times a second, and its entries are not",
    rows=100,
    options=LONG_LIVED,
    meanwhile=delete_the_log,
    checks={"one_load": False},
)
UNDONE = Workload(
    "undone",
    "transactions that write, read and are rolled back",
    options={"weights": {"read": 60, "read_page": 15, "write": 5, "undo": 10, "forget": 5}},
    # A load inside a transaction takes no lease.
    checks={"one_load": False},
)
HURRIED = Workload(
    "hurried",
    "readers that hang up",
    options={
        "weights": {"read": 50, "read_page": 10, "read_many": 10, "hurry": 40, "write": 5, "forget": 10},
        "dawdle": 0.05,
    },
    checks={"no_errors": True},
)
SYNC_WEIGHTS = {
    "read": 25,
    "read_sync": 40,
    "read_page": 8,
    "read_many": 4,
    "read_many_sync": 8,
    "write": 10,
    "refresh": 2,
    "refresh_sync": 3,
    "forget": 4,
}
SYNC = Workload(
    "sync",
    "threads that read, load and refresh beside tasks; loaders that are `def` in two processes of three",
    own_options=tuple({"weights": SYNC_WEIGHTS, "sync_loaders": is_sync} for is_sync in (True, False, True)),
)
SYNC_QUIET = Workload(
    "sync, quiet",
    "few writes, and threads that are the first to read",
    rows=400,
    own_options=tuple(
        {
            "weights": {
                "read": 30,
                "read_sync": 50,
                "read_many_sync": 10,
                "write": 0.3,
                "refresh_sync": 2,
                "forget": 8,
            },
            "dawdle": 0.05,
            "sync_loaders": is_sync,
        }
        for is_sync in (True, False, True)
    ),
)
PREFORK = Workload(
    "prefork",
    "forked children of processes that have read: each reads in threads, on a loop and connections of its own",
    tasks=4,
    own_options=tuple(
        {"weights": SYNC_WEIGHTS, "sync_loaders": is_sync, "children": 3} for is_sync in (True, False, True)
    ),
)
BESIDE = Workload(
    "beside",
    "pages that show rows in passing: a change makes them stale, a withdrawal ends them",
    options={
        "weights": {
            "read": 25,
            "read_beside": 50,
            "read_page": 5,
            "write": 5,
            "withdraw": 5,
            "refresh": 2,
            "forget": 5,
        }
    },
)
WATCHED_WEIGHTS = {
    "read": 50,
    "read_sync": 20,
    "read_page": 12,
    "read_many": 6,
    "write_watched": 12,
    "write_elsewhere": 1,
    "undo": 3,
    "forget": 4,
}
WATCHED = Workload(
    "watched",
    "each way of writing a watched table, by the racers and by other programs; nobody announces a write",
    rows=12,
    tasks=8,
    # Four rows written at once are a change of all.
    options={"weights": WATCHED_WEIGHTS, "most_rows": 3},
    own_options=({"relays": True}, {"relays": True}, {}),
    # A load inside a transaction takes no lease, and a change of all rows overtakes each load.
    checks={"one_load": False},
)
WORKLOADS = (BUSY, QUIET, SELDOM, PAUSED, SKEWED, SYNC, SYNC_QUIET, PREFORK, WATCHED, BESIDE)
# Each for the guard that it would show to be missing.
SPECIAL = (REPLACED, MOVING, FORGETFUL, SHORT_LOG, LOST_LOG, UNDONE, HURRIED)
