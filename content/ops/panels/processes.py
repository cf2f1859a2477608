"""Processes that report: their age, memory and release, and how well they follow the invalidation log."""

import time

from content.caching.metrics.process import Process
from content.ops.panels.invalidations import in_age
from content.ops.panels.panel import Reading, Row, Source, numbers, texts
from content.ops.state.totals import read_totals
from content.warming.process_coverage import coverage_of
from content.warming.state import in_mebibytes

COLUMNS = (
    *texts("Process", "Serves", "Release", "Log", "Breakers"),
    *numbers("Propagation", "Age", "Entries", "Memory", "Hot set", "Report"),
)


async def read_processes() -> Reading:
    processes = (await read_totals()).report.processes
    now = time.time()
    gauges: dict[str, float] = {
        "processes": len(processes),
        "processes.web": sum(each.has_readers for each in processes),
        "processes.deaf": sum(not each.is_heard for each in processes),
        "processes.breakers_open": sum(each.open_breakers > 0 for each in processes),
        "processes.releases": len({each.release for each in processes if each.has_readers}),
        "processes.memory_bytes": sum(each.memory_bytes for each in processes),
    }
    propagations = [each.propagation_seconds for each in processes if each.propagation_seconds is not None]
    if propagations:
        gauges["propagation_seconds"] = max(propagations)
    rows = tuple(row_of(each, now) for each in sorted(processes, key=lambda each: (not each.has_readers, each.pid)))
    return Reading(COLUMNS, rows, gauges={name: float(value) for name, value in gauges.items()})


def row_of(process: Process, now: float) -> Row:
    coverage = coverage_of(process)
    return Row(
        (
            f"{process.pid} on {process.host}",
            "readers" if process.has_readers else "tasks",
            process.release or "-",
            "follows" if process.is_heard else "does not follow",
            f"{process.open_breakers} open" if process.open_breakers else "closed",
            "-" if process.propagation_seconds is None else f"{process.propagation_seconds * 1000:,.1f} ms",
            in_age(max(0.0, now - process.started_at)) if process.started_at > 0 else "-",
            f"{process.memory_entries:,}",
            in_mebibytes(process.memory_bytes),
            str(coverage.of_set("hot")) if coverage is not None else "-",
            f"{max(0.0, now - process.at):.0f} s ago",
        ),
        state="" if process.is_heard and not process.open_breakers else "bad",
    )


processes = Source("processes", "Processes", read_processes)
