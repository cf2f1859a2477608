import asyncio
import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError
from redis.exceptions import RedisError
from rich.console import Console
from rich.table import Table

from content.caching.engines import engine_of
from content.caching.metrics.reports import Report, reporting
from content.caching.metrics.statistics import ResourceStatistics, in_milliseconds, statistics
from content.caching.metrics.warm_return import returns
from content.management import render
from content.management.warm_tables import coverage_data, print_coverage, print_return
from content.management.watch import watch
from content.warming.coverage import Coverage
from content.warming.state import WarmState, describe_warming, read_coverage, read_state
from content.warming.switch import pause_left


class Command(BaseCommand):
    help = "Reads, hits and loads by resource, over all processes, and the resources that cost more than they save."

    def add_arguments(self, parser: ArgumentParser) -> None:
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--json", action="store_true", help="print JSON")
        form.add_argument(
            "--watch", action="store_true", help="show the dashboard in this terminal until q or Ctrl-C"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["watch"]:
            watch(sys.stdout)
            return
        report = read_report()
        rows = statistics(report.totals)
        state, paused_for, coverage = read_warming()
        if options["json"]:
            loop = None if state is None else msgspec.to_builtins(state)
            warming = {
                "paused_for": paused_for,
                "loop": loop,
                "coverage": coverage_data(coverage, report.processes),
                "return": [asdict(row) | {"share_read": row.share_read} for row in returns(report.totals)],
            }
            self.stdout.write(json.dumps(as_data(report, rows) | {"warming": warming}, indent=2))
        else:
            self.stdout.write(render(lambda console: print_tables(console, report, rows)))
            self.stdout.write(" ".join(describe_warming(state, paused_for)))
            self.stdout.write(render(lambda console: print_coverage(console, coverage, report.processes)))
            self.stdout.write(render(lambda console: print_return(console, returns(report.totals))))


def read_report() -> Report:
    engine_of("default")
    if reporting.reporter is None:
        raise CommandError("Statistics need Redis, where all processes add up their counts. Set REDIS_URL.")
    try:
        return reporting.reporter.report()
    except (RedisError, OSError) as error:
        raise CommandError(f"Cannot reach Redis: {error}. Check REDIS_URL.") from error


def read_warming() -> tuple[WarmState | None, float, Coverage | None]:
    """The report of the control loop, the seconds that are left of a pause, and what is fresh."""

    async def read() -> tuple[WarmState | None, float, Coverage | None]:
        return await read_state(), await pause_left(), await read_coverage()

    try:
        return asyncio.run(read())
    except (RedisError, OSError) as error:
        raise CommandError(f"Cannot reach Redis: {error}. Check REDIS_URL.") from error


def as_data(report: Report, rows: list[ResourceStatistics]) -> dict[str, Any]:
    return {
        "resources": [
            asdict(row)
            | {
                "reads": row.reads,
                "reader_loads": row.reader_loads,
                "hit_ratio": row.hit_ratio,
                "saved_seconds": row.saved_seconds,
                "verdict": row.verdict,
            }
            for row in rows
        ],
        "processes": [
            {
                "host": process.host,
                "pid": process.pid,
                "memory_bytes": process.memory_bytes,
                "memory_entries": process.memory_entries,
                "log_is_heard": process.is_heard,
            }
            for process in report.processes
        ],
    }


def print_tables(console: Console, report: Report, rows: list[ResourceStatistics]) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("Resource", no_wrap=True)
    for name in ("Reads", "Hits", "Memory", "Loads", "Failed", "Load", "Lookup", "Entry"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Pays")
    for row in rows:
        table.add_row(
            row.name,
            str(row.reads),
            "-" if row.hit_ratio is None else f"{row.hit_ratio:.1%}",
            f"{row.memory_hits / row.answered:.0%}" if row.answered else "-",
            str(row.reader_loads),
            str(row.failed),
            in_milliseconds(row.load_seconds),
            in_milliseconds(row.lookup_seconds),
            "-" if row.stored_bytes is None else f"{row.stored_bytes / 1024:.1f} KiB",
            {True: "yes", False: "no", None: "-"}[row.pays],
        )
    console.print(table)
    for row in rows:
        if row.pays is False:
            console.print(f"\n{row.name} {row.verdict}.", soft_wrap=True)
    memory = sum(process.memory_bytes for process in report.processes) / 1024 / 1024
    deaf = sum(not process.is_heard for process in report.processes)
    console.print(
        f"\nProcesses that report: {len(report.processes)}, with {memory:.1f} MiB in memory.", soft_wrap=True
    )
    if deaf:
        console.print(f"{deaf} of them cannot read the invalidation log: all their entries count as stale.")
