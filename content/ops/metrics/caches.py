"""Metrics of caches from the sums in Redis: the same from each process of all hosts.

Labels are bounded by declarations: events, tiers and resources.
"""

from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from content.caching.declarations import resources
from content.caching.metrics.events import EventCounts
from content.caching.metrics.process import Process
from content.caching.metrics.reports import Report
from content.caching.metrics.warm_return import NAMES as NAMES_OF_RETURN
from content.caching.verify.findings import VerificationCounts
from content.ops.metrics.live import live_metrics
from content.ops.metrics.warming import coverage_metrics, return_metrics
from content.warming.coverage import Coverage

AMOUNTS = {
    "lookup_seconds": "Seconds spent on lookups in the shared tier.",
    "load_seconds": "Seconds spent in loaders.",
    "stored_bytes": "Bytes stored in the shared tier.",
}


class CacheCollector(Collector):
    """`cdn_lag`: seconds that purges of a CDN are behind; None without one, or if it is not known."""

    def __init__(self, report: Report | None, coverage: Coverage | None = None, cdn_lag: float | None = None) -> None:
        self.report = report
        self.coverage = coverage
        self.cdn_lag = cdn_lag

    def collect(self) -> Iterator[Metric]:
        yield gauge(
            "evergreen_statistics_up", "Whether the sums of all processes could be read.", self.report is not None
        )
        if self.report is None:
            return
        yield event_counter(self.report.totals)
        yield from tier_metrics(self.report)
        yield from self.cdn_metrics(self.report.totals)
        for kind, help_text in AMOUNTS.items():
            yield amount_counter(kind, help_text, self.report.totals)
        yield from verification_metrics(self.report.totals)
        yield from return_metrics(self.report.totals)
        yield from live_metrics(self.report.totals)
        yield from coverage_metrics(self.coverage, self.report.processes)
        yield from process_metrics(self.report.processes)

    def cdn_metrics(self, totals: EventCounts) -> Iterator[Metric]:
        if self.cdn_lag is None:
            return
        purges = CounterMetricFamily("evergreen_cdn_purges", "Purges, by outcome.", labels=("outcome",))
        purges.add_metric(("confirmed",), totals["purged", "", "cdn"])
        purges.add_metric(("failed",), totals["purge failed", "", "cdn"])
        yield purges
        yield CounterMetricFamily(
            "evergreen_cdn_purged_tags", "Tags purged from the CDN.", value=totals["purged_tags", "", ""]
        )
        yield gauge(
            "evergreen_cdn_lag_seconds",
            "Age of the oldest invalidation that the CDN has not confirmed.",
            self.cdn_lag,
        )


def process_metrics(processes: Sequence[Process]) -> Iterator[Metric]:
    yield gauge("evergreen_processes", "Processes that report.", len(processes))
    help_text = "Processes that cannot read the invalidation log: all their entries count as stale."
    yield gauge("evergreen_processes_deaf", help_text, sum(not process.is_heard for process in processes))
    help_text = "Bytes in the memory tiers of all processes."
    yield gauge("evergreen_memory_bytes", help_text, sum(process.memory_bytes for process in processes))
    # Workers are left out: one of the release before stays for a rollback.
    releases = {process.release for process in processes if process.has_readers}
    yield gauge("evergreen_releases", "Releases whose web processes report; 2 during a roll-out.", len(releases))
    yield start_times(processes)
    known = [process.propagation_seconds for process in processes if process.propagation_seconds is not None]
    if known:
        help_text = "The longest that an invalidation took to reach a process in the last minute or two."
        yield gauge("evergreen_propagation_seconds", help_text, max(known))


def start_times(processes: Sequence[Process]) -> Metric:
    """Two processes of each kind, since the number of names of processes has no bound."""
    help_text = "When the oldest and the newest process that reports began, in Unix seconds."
    family = GaugeMetricFamily("evergreen_process_start_time_seconds", help_text, labels=("serves", "process"))
    for serves, has_readers in (("readers", True), ("tasks", False)):
        times = [each.started_at for each in processes if each.has_readers is has_readers and each.started_at > 0]
        if times:
            family.add_metric((serves, "oldest"), min(times))
            family.add_metric((serves, "newest"), max(times))
    return family


def verification_metrics(totals: EventCounts) -> Iterator[Metric]:
    """Entries that were compared with the database. No metrics before the first."""
    counts = VerificationCounts.of(totals)
    if not counts.checked and not counts.inconsistent:
        return
    for name, help_text, amounts in (
        ("evergreen_verified_entries", "Fresh entries compared with the database.", counts.checked_by_tier),
        ("evergreen_inconsistent_entries", "Of these, entries that differed.", counts.inconsistent_by_tier),
    ):
        family = CounterMetricFamily(name, help_text, labels=("tier",))
        for tier in ("memory", "shared"):
            family.add_metric((tier,), amounts[tier])
        yield family
    yield CounterMetricFamily("evergreen_verify_seconds", "Seconds charged to the budget.", value=counts.seconds)
    help_text = "Nines of consistency that the checks show with 95 % confidence: 3 stands for 99.9 %."
    yield gauge("evergreen_consistency_nines", help_text, counts.nines)


def gauge(name: str, help_text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help_text, value=float(value))


def event_counter(totals: EventCounts) -> CounterMetricFamily:
    family = CounterMetricFamily(
        "evergreen_cache_events", "Events of reads and writes.", labels=("event", "resource", "tier")
    )
    for (event, resource, tier), amount in sorted(totals.items()):
        if event not in AMOUNTS and event not in NAMES_OF_RETURN and resource in resources:
            family.add_metric((event, resource, tier), amount)
    return family


def amount_counter(kind: str, help_text: str, totals: EventCounts) -> CounterMetricFamily:
    family = CounterMetricFamily(f"evergreen_cache_{kind}", help_text, labels=("resource",))
    for (event, resource, _), amount in sorted(totals.items()):
        if event == kind and resource in resources:
            family.add_metric((resource,), amount)
    return family


# For each tier, the events that it answered, and those after which the next tier, or a load, was asked.
REQUEST_TYPES: dict[str, dict[str, tuple[tuple[str, str], ...]]] = {
    "memory": {"hit": (("hit", "memory"), ("negative", "memory"), ("stale", "memory"))},
    "shared": {"hit": (("hit", "shared"), ("negative", "shared"), ("stale", "shared")), "miss": (("miss", ""),)},
}


def tier_metrics(report: Report) -> Iterator[Metric]:
    """The tiers by the names of .NET's runtime (cache.requests, cache.entries, cache.evictions)."""
    counts = {
        tier: {kind: _sum(report.totals, events) for kind, events in kinds.items()}
        for tier, kinds in REQUEST_TYPES.items()
    }
    # The memory passes on what the shared tier answers or misses.
    counts["memory"]["miss"] = sum(counts["shared"].values())
    help_text = "Reads of a tier, by whether it had the entry."
    requests = CounterMetricFamily("cache_requests", help_text, labels=("cache_name", "cache_request_type"))
    for tier, kinds in counts.items():
        for kind in ("hit", "miss"):
            requests.add_metric((tier, kind), kinds[kind])
    yield requests
    entries = GaugeMetricFamily("cache_entries", "Entries in a tier of all processes.", labels=("cache_name",))
    entries.add_metric(("memory",), sum(process.memory_entries for process in report.processes))
    yield entries
    help_text = "Entries dropped from a tier for want of room."
    evictions = CounterMetricFamily("cache_evictions", help_text, labels=("cache_name",))
    evictions.add_metric(("memory",), _sum(report.totals, (("evict", "memory"),)))
    yield evictions


def _sum(totals: EventCounts, events: tuple[tuple[str, str], ...]) -> float:
    return float(sum(amount for (event, _, tier), amount in totals.items() if (event, tier) in events))
