"""Each part of a fleet is killed, stopped and restarted in turn, under readers and edits."""

import functools
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import redis
from rich.table import Table

from project.fleet.layout import SERVICE
from project.fleet.roll_out import children_of
from tests.benchmarks.fleet.edits import Edits, Seen
from tests.benchmarks.fleet.readers import Crowd, Reading
from tests.benchmarks.tables import new_table
from tests.support.fleet import RunningFleet
from tests.support.wait import wait_until

# Parts whose loss no reader may notice as an error (I5, and stored pages), and the others.
SILENT = ("worker1", "worker2", "beat", "redis-cache", "redis-log", "postgres")
SHOWN = ("web1", "web2", "varnish", "nginx")
# A response that takes longer counts as a disturbance.
SLOW = 1.0
# Seconds after an edit, after which a page without it counts as stale: the bound that docs/deploying.md states.
BOUND = 2.0
COLUMNS = (
    "fault", "readers", "errors", "stale", "longest s", "edits", "failed", "longest to screen s", "recovered s",
)  # fmt: skip


@dataclass(frozen=True)
class Phase:
    """One fault: from its beginning until the next one."""

    name: str
    began: float
    ended: float

    def rows(self, readings: list[Reading], seen: list[Seen]) -> tuple[list[Reading], list[Seen]]:
        return (
            [each for each in readings if self.began <= each.due < self.ended],
            [each for each in seen if self.began <= each.at < self.ended],
        )


def count_stale(readings: list[Reading], seen: list[Seen]) -> tuple[int, int]:
    """Pages that lack an edit committed more than BOUND before they were requested, and pages of edited posts."""
    stale = edited = 0
    for each in readings:
        numbers = [edit.number for edit in seen if edit.path == each.path and edit.at + BOUND <= each.due]
        if numbers and not each.is_error:
            edited += 1
            stale += each.edit < max(numbers)
    return stale, edited


def faults(fleet: RunningFleet, hold: float) -> Iterator[tuple[str, Callable[[], object]]]:
    """`hold`: seconds for which a part stays stopped."""

    def stop(part: str) -> None:
        fleet.order("stop", part)
        time.sleep(hold)
        fleet.order("start", part)

    def hang(part: str) -> None:
        pids = family(fleet.pid_of(part))
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for pid in pids:
                os.kill(pid, number)
            if number == signal.SIGSTOP:
                time.sleep(hold)

    for part in (*SILENT, *SHOWN):
        yield f"{part} killed", functools.partial(fleet.order, "kill", part)
        yield f"{part} stopped for {hold:g} s", functools.partial(stop, part)
        yield f"{part} restarted", functools.partial(fleet.order, "restart", part)
    yield f"web1 hangs for {hold:g} s", functools.partial(hang, "web1")
    yield "nginx reloaded", functools.partial(fleet.order, "reload", "nginx")
    yield "postgres restarted at once", lambda: os.kill(fleet.pid_of("postgres"), signal.SIGQUIT)
    if fleet.is_watched:
        yield "Sentinel fails over", lambda: fail_over(fleet)
        yield "the master is stopped", lambda: stop(master(fleet))


def family(pid: int) -> list[int]:
    """A process and all below it."""
    return [pid, *(below for child in children_of(pid) for below in family(child))]


def is_whole(fleet: RunningFleet) -> bool:
    """Both hosts respond, and serve readers through nginx and Varnish."""
    try:
        for name in ("web1", "web2"):
            httpx.get(f"http://127.0.0.1:{fleet.port_of(name)}/healthz", timeout=1).raise_for_status()
        with fleet.client() as client:
            return client.get("/readyz").is_success
    except httpx.HTTPError:
        return False


def fail_over(fleet: RunningFleet) -> None:
    with redis.Redis(port=fleet.port_of("sentinel1")) as sentinel:
        sentinel.execute_command("SENTINEL", "FAILOVER", SERVICE)


def master(fleet: RunningFleet) -> str:
    with redis.Redis(port=fleet.port_of("sentinel1")) as sentinel:
        port = int(sentinel.sentinel_get_master_addr_by_name(SERVICE)[1])
    return "redis-log" if port == fleet.port_of("redis-log") else "redis-replica"


class Course:
    """`pause`: seconds for which a fault is watched after its action. `only`: a pattern of names of faults."""

    def __init__(
        self, fleet: RunningFleet, crowd: Crowd, edits: Edits, pause: float, *, hold: float, only: str = ""
    ) -> None:
        self.fleet = fleet
        self.crowd = crowd
        self.edits = edits
        self.pause = pause
        self.hold = hold
        self.only = only
        self.phases: list[Phase] = []

    def run(self) -> None:
        self.watch("none", lambda: None)
        for name, act in faults(self.fleet, self.hold):
            if re.search(self.only, name):
                self.watch(name, act)

    def watch(self, name: str, act: Callable[[], object]) -> None:
        began = time.time()
        act()
        time.sleep(self.pause)
        # A restarted host listens before it responds: the next fault must not hit the other one meanwhile.
        wait_until(lambda: is_whole(self.fleet), "all parts run again")
        self.phases.append(Phase(name, began, time.time()))

    def table(self) -> Table:
        table = new_table(COLUMNS)
        for phase in self.phases:
            readings, seen = phase.rows(self.crowd.readings, self.edits.seen)
            disturbed = [each.due + each.took for each in readings if each.is_error or each.took > SLOW]
            stale, edited = count_stale(readings, self.edits.seen)
            shown = [each.by_proxies for each in seen if not each.error]
            table.add_row(
                phase.name,
                f"{len(readings):,}",
                f"{sum(each.is_error for each in readings):,}",
                f"{stale} of {edited}",
                f"{max((each.took for each in readings), default=0):.2f}",
                f"{len(seen):,}",
                f"{sum(bool(each.error) for each in seen):,}",
                f"{max(shown, default=0):.2f}",
                f"{max(disturbed) - phase.began:.1f}" if disturbed else "at once",
            )
        return table

    def verdicts(self) -> Iterator[str]:
        for phase in self.phases:
            readings, _ = phase.rows(self.crowd.readings, [])
            errors = [each for each in readings if each.is_error]
            slow = [each for each in readings if not each.is_error and each.took > SLOW]
            for name, found in (("got an error", errors), ("waited", slow)):
                if found:
                    kinds = sorted({f"{each.why or each.status} {each.path} {each.took:.1f} s" for each in found})[:5]
                    yield f"{phase.name}: {len(found)} readers {name}: {', '.join(kinds)}"
