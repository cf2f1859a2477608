"""/metrics for Prometheus: sums over all processes, the same from each of them.

All processes add their counters up in Redis, so a counter never shrinks when another process is scraped. Labels are
bounded by declarations: events, tiers and resources.
"""

from collections.abc import Iterator
from ipaddress import ip_address

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from content.caching.declarations import resources
from content.caching.engines import engine_of
from content.caching.metrics.events import EventCounts
from content.caching.metrics.reports import Report, reporting
from content.caching.metrics.warm_return import NAMES as NAMES_OF_RETURN
from content.caching.verify.findings import VerificationCounts
from content.cdn.checkpoint import lag
from content.ops.health import CachedResult
from content.ops.warm_metrics import coverage_metrics, return_metrics
from content.warming.coverage import Coverage
from content.warming.state import read_coverage

# Seconds for which all requests share one result.
CACHE_SECONDS = 1.0
# Of the coverage: where no worker lives, a process that serves readers measures that of so many entries itself.
COVERAGE_SECONDS, MOST_MEASURED = 5.0, 1000
# Header fields that proxies add.
FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")
REFUSAL = "Only this host and staff may read /metrics. To open it to everybody, set EVERGREEN_METRICS_OPEN=true.\n"
AMOUNTS = {
    "lookup_seconds": "Seconds spent on lookups in the shared tier.",
    "load_seconds": "Seconds spent in loaders.",
    "stored_bytes": "Bytes stored in the shared tier.",
}


@require_safe
async def metrics(request: HttpRequest) -> HttpResponse:
    if not (settings.METRICS_OPEN or is_from_this_host(request) or await is_staff(request)):
        return HttpResponse(REFUSAL, content_type="text/plain", status=403, headers={"Cache-Control": "no-store"})
    content = await cached_metrics.get()
    return HttpResponse(content, content_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})


def is_from_this_host(request: HttpRequest) -> bool:
    """False for requests through a proxy on this host: they come from elsewhere."""
    if any(name in request.headers for name in FORWARDED):
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


async def is_staff(request: HttpRequest) -> bool:
    if settings.SESSION_COOKIE_NAME not in request.COOKIES or not hasattr(request, "auser"):
        return False
    user = await request.auser()
    return bool(user.is_active and user.is_staff)


def render_metrics(coverage: Coverage | None = None) -> bytes:
    registry = CollectorRegistry()
    registry.register(CacheCollector(report_or_none(), coverage))
    return generate_latest(registry)


async def compute_metrics() -> bytes:
    coverage = await cached_coverage.get()
    return await sync_to_async(render_metrics, thread_sensitive=False)(coverage)


async def coverage_or_none() -> Coverage | None:
    try:
        return await read_coverage(MOST_MEASURED)
    except (RedisError, OSError):
        return None


cached_coverage = CachedResult(coverage_or_none, COVERAGE_SECONDS)
cached_metrics = CachedResult(compute_metrics, CACHE_SECONDS)


def report_or_none() -> Report | None:
    """None while Redis is down: without counters, graphs show no false resets."""
    engine_of("default")
    if reporting.reporter is None:
        return None
    try:
        return reporting.reporter.report()
    except (RedisError, OSError):
        return None


class CacheCollector(Collector):
    def __init__(self, report: Report | None, coverage: Coverage | None = None) -> None:
        self.report = report
        self.coverage = coverage

    def collect(self) -> Iterator[Metric]:
        yield gauge(
            "evergreen_statistics_up", "Whether the sums of all processes could be read.", self.report is not None
        )
        if self.report is None:
            return
        yield event_counter(self.report.totals)
        yield from self.cdn_metrics(self.report.totals)
        for kind, help_text in AMOUNTS.items():
            yield amount_counter(kind, help_text, self.report.totals)
        yield from verification_metrics(self.report.totals)
        yield from return_metrics(self.report.totals)
        yield from coverage_metrics(self.coverage, self.report.processes)
        processes = self.report.processes
        yield gauge("evergreen_processes", "Processes that report.", len(processes))
        yield gauge(
            "evergreen_processes_deaf",
            "Processes that cannot read the invalidation log: all their entries count as stale.",
            sum(not process.is_heard for process in processes),
        )
        yield gauge(
            "evergreen_memory_bytes",
            "Bytes in the memory tiers of all processes.",
            sum(process.memory_bytes for process in processes),
        )

    def cdn_metrics(self, totals: EventCounts) -> Iterator[Metric]:
        """No metrics if no CDN is configured."""
        behind = lag()
        if behind is None:
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
            behind,
        )


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
