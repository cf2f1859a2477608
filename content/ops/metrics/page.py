"""/metrics for Prometheus.

Caches and warming: the sums of all processes of all hosts, from Redis. Responses: all processes of this host, from
their files. The rest: the state of the service now.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from content.caching.engines import engine_of
from content.caching.metrics.count_folder import HostCounts
from content.caching.metrics.process_counts import process_counts
from content.caching.metrics.reports import Report, reporting
from content.ops.metrics.caches import CacheCollector
from content.ops.metrics.requests import read_host_counts, request_metrics
from content.ops.metrics.service import service_metrics
from content.ops.state.cached_result import CachedResult, result_in_time, within_bound
from content.ops.state.service import State, read_state
from content.warming.coverage import Coverage
from content.warming.state import read_coverage

T = TypeVar("T")

# Seconds for which all requests share one result, but for the counts of responses.
CACHE_SECONDS = 1.0
# Without a worker, a process that serves readers measures the coverage of so many entries itself.
COVERAGE_SECONDS, MOST_MEASURED = 5.0, 1000
# Header fields that proxies add.
FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")
REFUSAL = "Only this host and staff may read /metrics. To open it to everybody, set EVERGREEN_METRICS_OPEN=true.\n"


@require_safe
async def metrics(request: HttpRequest) -> HttpResponse:
    if not (settings.METRICS_OPEN or is_from_this_host(request) or await is_staff(request)):
        return HttpResponse(REFUSAL, content_type="text/plain", status=403, headers={"Cache-Control": "no-store"})
    content = await compute_metrics()
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


@dataclass(frozen=True)
class Measurements:
    """None for what is not known now."""

    report: Report | None = None
    coverage: Coverage | None = None
    state: State | None = None


class SiteCollector(Collector):
    def __init__(self, measured: Measurements) -> None:
        self.measured = measured

    def collect(self) -> Iterator[Metric]:
        measured = self.measured
        cdn_lag = measured.state.cdn_lag if measured.state is not None else None
        yield from CacheCollector(measured.report, measured.coverage, cdn_lag).collect()
        if measured.state is not None:
            yield from service_metrics(measured.state)


class RequestCollector(Collector):
    def __init__(self, host: HostCounts | None) -> None:
        self.host = host

    def collect(self) -> Iterator[Metric]:
        yield from request_metrics(self.host)


def render_metrics(measured: Measurements) -> bytes:
    return render(SiteCollector(measured))


def render(collector: Collector) -> bytes:
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry)


async def compute_metrics() -> bytes:
    """Metrics that cannot be measured within a bounded time are left out.

    Responses are counted anew for each page: a later page of another process must not have lower counts.
    """
    if process_counts.folder is not None:
        # Again, if the disk was full when this process began.
        process_counts.open(process_counts.folder)
    host, rest = await asyncio.gather(result_in_time(_in_thread(read_host_counts)()), cached_metrics.get())
    return rest + render(RequestCollector(host))


async def compute_others() -> bytes:
    """All metrics but those of responses."""
    report, coverage, state = await asyncio.gather(
        within_bound(cached_report), within_bound(cached_coverage), read_state()
    )
    return render_metrics(Measurements(report, coverage, state))


def report_or_none() -> Report | None:
    """None while Redis is down: without counters, graphs show no false resets."""
    engine_of("default")
    if reporting.reporter is None:
        return None
    try:
        return reporting.reporter.report()
    except (RedisError, OSError):
        return None


def _in_thread(measure: Callable[[], T]) -> Callable[[], Awaitable[T]]:
    return sync_to_async(measure, thread_sensitive=False)


# Anew for each page, which is cached itself.
cached_report = CachedResult(_in_thread(report_or_none), 0.0)
cached_coverage = CachedResult(lambda: read_coverage(MOST_MEASURED), COVERAGE_SECONDS)
cached_metrics = CachedResult(compute_others, CACHE_SECONDS)
