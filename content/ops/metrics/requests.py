"""Metrics of responses and of readers who waited: exact, over all processes of this host, also those that ended.

Labels are bounded: statuses of HTTP, the outcomes of the cache, the reasons of a miss, and buckets.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from content.caching.metrics.count_folder import HostCounts
from content.caching.metrics.count_layout import CounterName
from content.caching.metrics.process_counts import (
    BUCKETS,
    CACHES,
    DURATIONS,
    HITS_PER_TIMED,
    OTHER,
    OUTCOMES,
    PLAIN_HITS,
    REASONS,
    REQUESTS,
    SECONDS,
    STATUSES,
    WAITED,
    WAITS,
    cache_of,
    process_counts,
)

# Exported before the first response, so that `increase` sees the first one too.
COMMON = ("200", "304", "404", "500", "503")

_BOUND = re.compile(r"\d{1,4}(\.\d{1,9})?|\+Inf", re.ASCII)


def read_host_counts() -> HostCounts | None:
    """None if the folder cannot be read now. Without a file of its own, this process adds what is in its memory."""
    own = Counter[CounterName]() if process_counts.is_stored else process_counts.counts()
    try:
        host = process_counts.folder.read() if process_counts.folder is not None else HostCounts(Counter())
    except OSError:
        return None if process_counts.is_stored else HostCounts(own)
    host.counts.update(own)
    return host


def request_metrics(host: HostCounts | None) -> Iterator[Metric]:
    """While the folder cannot be read, no counters: graphs show no false resets."""
    help_text = "Whether the counts of this process outlive it, and the folder of counts could be read."
    is_whole = host is not None and process_counts.is_stored
    yield GaugeMetricFamily("evergreen_request_counts_up", help_text, value=float(is_whole))
    if host is None:
        return
    requests, misses = _sums_of_requests(host.counts)
    yield _requests(requests)
    yield _durations(host.counts)
    yield _misses(misses)
    yield _waits(host.counts)
    help_text = "Files of counts that could not be read. What they had counted is missing."
    yield CounterMetricFamily("evergreen_request_counts_unreadable", help_text, value=host.unreadable)
    if host.oldest is not None:
        help_text = "When the oldest serving process of this host began, in Unix seconds."
        yield GaugeMetricFamily("evergreen_process_start_time_seconds_oldest", help_text, value=host.oldest)


def _sums_of_requests(counts: Mapping[CounterName, int]) -> tuple[Counter[tuple[str, str]], Counter[str]]:
    """Responses by status and cache, and misses by reason. Labels of another version count as others."""
    requests, misses = Counter[tuple[str, str]](), Counter[str]()
    for name, amount in counts.items():
        if len(name) != 3 or name[0] not in (PLAIN_HITS, REQUESTS):
            continue
        _, status, outcome = name
        outcome = outcome if outcome in OUTCOMES else f"miss {OTHER}"
        requests[status if status in STATUSES else OTHER, cache_of(outcome)] += amount
        if cache_of(outcome) == "miss":
            misses[outcome.partition(" ")[2]] += amount
    return requests, misses


def _requests(sums: Counter[tuple[str, str]]) -> Metric:
    help_text = "HTTP responses, by status and by what the cache did."
    family = CounterMetricFamily("evergreen_requests", help_text, labels=("status", "cache"))
    for status in STATUSES:
        for cache in CACHES:
            if (amount := sums[status, cache]) or status in COMMON:
                family.add_metric((status, cache), amount)
    return family


def _durations(counts: Mapping[CounterName, int]) -> Metric:
    help_text = (
        "Seconds from the arrival of a request until the head of its response was written. Of repeated plain hits "
        f"one in {HITS_PER_TIMED} is timed, and stands for the others."
    )
    family = HistogramMetricFamily("evergreen_request_duration_seconds", help_text, labels=("cache",))
    for cache in CACHES:
        outcomes = [outcome for outcome in OUTCOMES if cache_of(outcome) == cache]
        taken = sum(counts.get((SECONDS, outcome), 0) for outcome in outcomes)
        amounts = Counter[str]()
        for name, amount in counts.items():
            if len(name) == 3 and name[0] == DURATIONS and name[1] in outcomes:
                amounts[name[2]] += amount
        family.add_metric((cache,), buckets=_cumulated(amounts), sum_value=taken / 1e9)
    return family


def _misses(sums: Counter[str]) -> Metric:
    help_text = "Pages that the cache had not, by the reason in Cache-Status."
    family = CounterMetricFamily("evergreen_page_misses", help_text, labels=("reason",))
    for reason in REASONS:
        family.add_metric((reason,), sums[reason])
    return family


def _waits(counts: Mapping[CounterName, int]) -> Metric:
    help_text = "Seconds that readers waited for a page that had to be made."
    family = HistogramMetricFamily("evergreen_reader_wait_seconds", help_text)
    amounts = {name[1]: amount for name, amount in counts.items() if name[0] == WAITS and len(name) == 2}
    family.add_metric((), buckets=_cumulated(amounts), sum_value=counts.get((WAITED, ""), 0) / 1e9)
    return family


def _cumulated(amounts: Mapping[str, int]) -> list[tuple[str, float]]:
    """Buckets as Prometheus has them: each counts those below it too. Bounds of another version are kept."""
    bounds = dict.fromkeys(BUCKETS, 0) | {bound: n for bound, n in amounts.items() if _BOUND.fullmatch(bound)}
    ordered, total = list[tuple[str, float]](), 0
    for bound in sorted(bounds, key=float):
        total += bounds[bound]
        ordered.append((bound, total))
    return ordered
