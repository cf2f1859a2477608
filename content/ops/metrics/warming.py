"""Metrics of warming: what is fresh, and what warming returns. Labels: sets, tiers, resources, kinds, plans."""

from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from content.caching.declarations import resources
from content.caching.metrics.events import EventCounts
from content.caching.metrics.process import Process
from content.caching.metrics.warm_return import returns
from content.warming.coverage import SETS, Coverage
from content.warming.process_coverage import coverage_of
from content.warming.targets import pages

# For each field of Return: the end of the metric's name, and its help.
RETURNS = {
    "warmed": ("entries", "Entries that warming has stored."),
    "bytes": ("bytes", "Bytes that warming has stored."),
    "read": ("read", "Warmed entries that somebody has read while they were fresh."),
    "unread": ("unread", "Warmed entries that ended unread, as far as the control loop saw."),
    "saved_seconds": ("saved_seconds", "Loads of read entries that a reader would have waited for."),
    "loads": ("loads", "Entries and pages that warming has loaded."),
    "queries": ("queries", "Database queries of these loads."),
    "cpu_seconds": ("cpu_seconds", "Processor time of these loads, at most."),
    "put_off": ("put_off", "Loads that were put off since nobody had read the entry."),
    "put_off_seconds": ("put_off_seconds", "Seconds for which they were put off."),
}
LABELS = ("set", "tier", "resource", "page")


def return_metrics(totals: EventCounts) -> Iterator[Metric]:
    rows = [row for row in returns(totals) if row.resource in resources or row.resource == pages.name]
    for field, (name, help_text) in RETURNS.items():
        family = CounterMetricFamily(f"evergreen_warm_{name}", help_text, labels=("plan", "resource"))
        for row in rows:
            family.add_metric((row.plan, row.resource), getattr(row, field))
        yield family


def coverage_metrics(coverage: Coverage | None, processes: Iterable[Process]) -> Iterator[Metric]:
    """The sums over all processes, and the lowest share of one: a label for each process would have no bound."""
    memories = [each for process in processes if (each := coverage_of(process)) is not None]
    fresh = GaugeMetricFamily("evergreen_coverage_fresh", "Entries of the set that are fresh.", labels=LABELS)
    entries = GaugeMetricFamily("evergreen_coverage_entries", "Entries of the set.", labels=LABELS)
    for tier, reports in (("shared", [coverage] if coverage is not None else []), ("memory", memories)):
        sums = dict[tuple[str, ...], list[int]]()
        for row in (row for report in reports for row in report.rows):
            counts = sums.setdefault((row.set, tier, row.resource, row.page), [0, 0])
            counts[0] += row.fresh
            counts[1] += row.entries
        for labels, (number_fresh, number) in sums.items():
            fresh.add_metric(labels, number_fresh)
            entries.add_metric(labels, number)
    yield fresh
    yield entries
    lowest = GaugeMetricFamily(
        "evergreen_coverage_lowest_process", "The lowest share that a process has in memory.", labels=("set",)
    )
    for name in SETS if memories else ():
        lowest.add_metric((name,), min(memory.of_set(name).ratio for memory in memories))
    yield lowest
