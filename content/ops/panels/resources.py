"""Reads by resource: which are read most, which cost most, and which do not pay."""

from content.caching.metrics.statistics import ResourceStatistics, in_milliseconds, statistics
from content.ops.panels.panel import Reading, Row, Source, numbers, texts
from content.ops.state.totals import read_totals

COLUMNS = (*texts("Resource"), *numbers("Reads", "Hits", "Memory", "Loads", "Failed", "Load", "Lookup", "Entry"))
PAYS = {True: "yes", False: "no", None: "-"}
# The counters, by the field of a resource's statistics.
COUNTERS = {
    "reads.memory": "memory_hits",
    "reads.shared": "shared_hits",
    "reads.negative": "negative",
    "reads.stale": "stale",
    "reads.joined": "joined",
    "reads.miss": "misses",
    "loads.readers": "reader_loads",
    "loads.warming": "warm_loads",
    "loads.failed": "failed",
    "refused": "refused",
    "evictions.memory": "evicted",
}


async def read_resources() -> Reading:
    rows = statistics((await read_totals()).report.totals)
    counters = {name: float(sum(getattr(row, field) for row in rows)) for name, field in COUNTERS.items()}
    counters["reads"] = float(sum(row.reads for row in rows))
    gauges = {"resources.unpaid": float(sum(row.pays is False for row in rows))}
    columns = (*COLUMNS, *texts("Pays"))
    return Reading(columns, tuple(map(row_of, rows)), counters=counters, gauges=gauges)


def row_of(row: ResourceStatistics) -> Row:
    return Row(
        (
            row.name,
            f"{row.reads:,}",
            "-" if row.hit_ratio is None else f"{row.hit_ratio:.1%}",
            f"{row.memory_hits / row.answered:.0%}" if row.answered else "-",
            f"{row.reader_loads:,}",
            f"{row.failed:,}",
            in_milliseconds(row.load_seconds),
            in_milliseconds(row.lookup_seconds),
            "-" if row.stored_bytes is None else f"{row.stored_bytes / 1024:.1f} KiB",
            PAYS[row.pays],
        ),
        state="bad" if row.pays is False else "",
    )


async def read_costliest() -> Reading:
    """The resources in the order of the seconds that their loads took for readers."""
    rows = statistics((await read_totals()).report.totals)
    costs = sorted(((cost_of(row), row) for row in rows if cost_of(row) > 0), key=lambda each: -each[0])
    cells = ((row.name, f"{cost:,.1f} s", f"{row.reader_loads:,}", advice_of(row)) for cost, row in costs)
    return Reading(
        (*texts("Resource"), *numbers("Time in loads", "Loads"), *texts("Advice")), tuple(Row(each) for each in cells)
    )


def cost_of(row: ResourceStatistics) -> float:
    return (row.load_seconds or 0.0) * row.reader_loads


def advice_of(row: ResourceStatistics) -> str:
    return f"{row.advice}." if row.pays is False else "-"


resources = Source("resources", "Reads by resource", read_resources)
costliest = Source("costliest", "Costliest resources", read_costliest, seconds=5.0)
