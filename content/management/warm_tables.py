"""Tables of `cache_stats` about warming: what is fresh, and what warming returns."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from content.caching.metrics.process import Process
from content.caching.metrics.warm_return import Return, by_plan
from content.warming.coverage import HOT, SITE, Coverage, describe_coverage, find_gaps
from content.warming.process_coverage import coverage_of

# Kinds of entries that are listed, those with the largest gaps.
MOST_GAPS = 10


def coverage_data(coverage: Coverage | None, processes: Sequence[Process]) -> dict[str, Any]:
    return {
        "redis": None if coverage is None else coverage.as_data(),
        "processes": [
            {"host": process.host, "pid": process.pid, "memory": memory.as_data()}
            for process in processes
            if (memory := coverage_of(process)) is not None
        ],
    }


def print_coverage(console: Console, coverage: Coverage | None, processes: Sequence[Process]) -> None:
    console.print(describe_coverage(coverage), soft_wrap=True)
    for process in processes:
        if (memory := coverage_of(process)) is not None:
            where = f"in the memory of process {process.pid} on {process.host}"
            console.print(describe_coverage(memory, where), soft_wrap=True)
    if coverage is None:
        return
    name = SITE if coverage.has(SITE) else HOT
    gaps = [f"{kind} {share.fresh:,} of {share.entries:,}" for kind, share in find_gaps(coverage, name)]
    if gaps:
        more = f" and {len(gaps) - MOST_GAPS} more" if len(gaps) > MOST_GAPS else ""
        console.print(f"Not all fresh in Redis: {'; '.join(gaps[:MOST_GAPS])}{more}.", soft_wrap=True)


def print_return(console: Console, rows: Sequence[Return]) -> None:
    if not rows:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("Plan", no_wrap=True)
    table.add_column("Resource", no_wrap=True)
    for name in ("Warmed", "Read", "Unread", "Share read", "Wait saved", "CPU", "Queries", "MiB", "Put off"):
        table.add_column(name, justify="right", no_wrap=True)
    for total in by_plan(list(rows)):
        add_row(table, total, "all")
        for row in rows:
            if row.plan == total.plan:
                add_row(table, row, row.resource)
    console.print()
    console.print(table)
    for row in rows:
        if row.advice:
            console.print(f"\n{row.advice}", soft_wrap=True)


def add_row(table: Table, row: Return, name: str) -> None:
    table.add_row(
        row.plan,
        name,
        f"{row.warmed:,.0f}",
        f"{row.read:,.0f}",
        f"{row.unread:,.0f}",
        "-" if row.share_read is None or row.plan == "parts" else f"{row.share_read:.0%}",
        f"{row.saved_seconds:,.1f} s",
        f"{row.cpu_seconds:,.1f} s",
        f"{row.queries:,.0f}",
        f"{row.bytes / 1024 / 1024:,.1f}",
        f"{row.put_off:,.0f} x {row.put_off_seconds / row.put_off:.0f} s" if row.put_off else "0",
    )
