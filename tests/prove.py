"""`make prove`: races, faults, propagation and a soak, with the checker watching, in one table each. Half an hour or
so."""

import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.support.mutation import copy_project
from tests.support.race.checker import Findings
from tests.support.race.faults import FAULTS
from tests.support.race.faults.fault import Fault
from tests.support.race.faults.outcome import Outcome, race_with_fault
from tests.support.race.pages.race import race_pages_with_fault
from tests.support.race.propagation import measure_propagation
from tests.support.race.sabotage import SABOTAGES
from tests.support.race.soak import run_soak
from tests.support.race.workloads import BUSY, SPECIAL, WORKLOADS
from tests.support.servers.postgres import running_postgres
from tests.support.servers.redis import running_redis

console = Console(width=140)
MINUTE = 60.0
MOST_GROWTH = 0.05
PROPERTIES = ("I1", "I2", "I3", "I11", "I12")


@contextmanager
def database() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="prove-") as folder:
        yield f"sqlite:///{folder}/race.sqlite3"


def races(seconds: float) -> int:
    table = Table(title="Property by workload: violations found", title_justify="left", box=None, pad_edge=False)
    for name in ("workload", "database"):
        table.add_column(name)
    for name in ("reads", "writes", "loads", "errors", *PROPERTIES):
        table.add_column(name, justify="right")
    violations = 0
    for workload in WORKLOADS + SPECIAL:
        length = seconds if workload in WORKLOADS else seconds / 3
        with running_redis() as server, database() as url:
            violations += row(table, workload.name, "SQLite", workload.run(server.url, url, length, processes=4))
    with running_redis() as server, running_postgres() as postgres:
        violations += row(table, BUSY.name, "PostgreSQL", BUSY.run(server.url, postgres.url, seconds, processes=4))
    console.print(table, "\n")
    return violations


def row(table: Table, workload: str, database_name: str, findings: Findings) -> int:
    by_property = [
        sum(count for name, count in findings.counts.items() if name.split()[0] == each) for each in PROPERTIES
    ]
    counts = (findings.reads, findings.writes, findings.loads, len(findings.failures), *by_property)
    table.add_row(workload, database_name, *(f"{count:,}" for count in counts))
    for example in findings.examples:
        console.print(example)
    return sum(by_property)


def sabotages(seconds: float) -> int:
    table = Table(title="Guard removed: found or not", title_justify="left", box=None, pad_edge=False)
    for name in ("guard", "workload", "found", "violations"):
        table.add_column(name)
    missed = 0
    with tempfile.TemporaryDirectory(prefix="prove-") as folder:
        copy = copy_project(Path(folder))
        for sabotage in SABOTAGES:
            with sabotage.apply(copy):
                for _ in range(3):
                    # Some are rare.
                    with running_redis() as server, database() as url:
                        findings = sabotage.workload.run(server.url, url, seconds, code=copy)
                    found = sabotage.is_shown_by(findings)
                    if found:
                        break
            missed += not found
            table.add_row(
                sabotage.name, sabotage.workload.name, "found" if found else "NOT FOUND", f"{findings.total:,}"
            )
    console.print(table, "\n")
    return missed


def faults(of: str, suffer: Callable[[Fault], Outcome]) -> int:
    title = f"Faults, three seconds each, under load: {of}"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("fault")
    for name in (
        "reads",
        "reader errors",
        "worst latency",
        "most loads at once",
        "runs of pages",
        "recovered after",
        "stale as fresh",
    ):
        table.add_column(name, justify="right")
    violations = 0
    for fault in FAULTS:
        felt = suffer(fault)
        violations += felt.findings.total + len(felt.reader_errors)
        table.add_row(
            fault.name,
            f"{felt.findings.reads:,}",
            str(len(felt.reader_errors)),
            f"{felt.worst_seconds:.2f} s",
            str(felt.most_loads),
            f"{len(felt.findings.all_runs):,}",
            f"{felt.recovered:.2f} s",
            str(felt.findings.total),
        )
        for example in (*felt.findings.examples, *map(str, felt.reader_errors[:3])):
            console.print(example)
    console.print(table, "\n")
    return violations


def propagations(count: int) -> None:
    title = f"From an invalidation to no longer served elsewhere, {count:,} times"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in ("", "median", "p99", "longest"):
        table.add_column(name, justify="right")
    with running_redis() as server:
        add_propagation(table, "idle", server.url, count)
        with database() as url:
            load = threading.Thread(target=BUSY.run, args=(server.url, url, count / 700), kwargs={"processes": 2})
            load.start()
            time.sleep(2)
            add_propagation(table, "under load", server.url, count)
            load.join()
    console.print(table, "\n")


def add_propagation(table: Table, name: str, redis_url: str, count: int) -> None:
    taken = measure_propagation(redis_url, count)
    table.add_row(name, *(f"{seconds * 1000:.2f} ms" for seconds in (taken.median, taken.p99, taken.longest)))


def soak(seconds: float) -> int:
    """No figure may grow by more than a twentieth after the warm-up."""
    title = f"{seconds / 60:g} minutes, four processes: what they hold together"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in ("", "warm", "at the end", "growth", "most"):
        table.add_column(name, justify="right")
    with running_redis() as server, database() as url:
        figures = run_soak(server.url, url, seconds)
    for each in figures:
        unit, name = (1_000_000, "memory, MB") if each.name == "memory" else (1, each.name)
        amounts = (f"{amount / unit:,.0f}" for amount in (each.early, each.late))
        table.add_row(name, *amounts, f"{each.growth:+.1%}", f"{each.most / unit:,.0f}")
    console.print(table, "\n")
    return sum(each.growth > MOST_GROWTH for each in figures)


PARTS: dict[str, Callable[[], int | None]] = {
    "races": lambda: races(MINUTE),
    "guards": lambda: sabotages(8.0),
    "faults": lambda: faults("resources", race_with_fault),
    "pages": lambda: faults("pages of two servers", race_pages_with_fault),
    "propagation": lambda: propagations(10_000),
    "soak": lambda: soak(10 * MINUTE),
}


def main(wanted: list[str]) -> int:
    began, violations = time.monotonic(), 0
    for name in wanted or PARTS:
        if name not in PARTS:
            sys.exit(f"There is no part {name!r}; there are {', '.join(PARTS)}.")
        violations += PARTS[name]() or 0
    minutes = (time.monotonic() - began) / 60
    console.print(
        f"{violations} violations, errors of readers and guards that nothing missed; {minutes:.1f} minutes."
    )
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
