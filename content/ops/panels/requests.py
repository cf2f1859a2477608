"""Requests by status and cache outcome, and their latency, in all web processes."""

from collections import Counter

from content.caching.metrics.events import EventCounts
from content.ops.panels.panel import Reading, Row, Source, numbers, texts
from content.ops.state.totals import read_totals

EVENT, SECONDS_EVENT = "request", "request_seconds"
OUTCOMES = ("hit", "stale", "miss", "joined", "pass", "none")
# Buckets, and statuses, that are read from a shared store.
MOST_BUCKETS, MOST_STATUSES = 40, 60
NOT_COUNTED = "Requests are not counted yet: no web process of this release has reported one."


async def read_requests() -> Reading:
    return describe_requests((await read_totals()).report.totals)


def describe_requests(totals: EventCounts) -> Reading:
    by_status: dict[str, Counter[str]] = {}
    for (event, status, outcome), count in totals.items():
        if event == EVENT and is_status(status) and outcome in OUTCOMES and len(by_status) < MOST_STATUSES:
            by_status.setdefault(status, Counter())[outcome] += count
    if not by_status:
        return Reading(note=NOT_COUNTED)
    rows = tuple(row_of(status, counts) for status, counts in sorted(by_status.items()))
    counters = count_requests(by_status) | count_buckets(totals)
    return Reading((*texts("Status"), *numbers("All", *map(str.capitalize, OUTCOMES))), rows, counters=counters)


def is_status(text: str) -> bool:
    return text == "other" or (len(text) == 3 and text.isdecimal() and text.isascii())


def row_of(status: str, counts: Counter[str]) -> Row:
    cells = (status, f"{counts.total():,.0f}", *(f"{counts[outcome]:,.0f}" for outcome in OUTCOMES))
    return Row(cells, state="bad" if status.startswith("5") else "")


def count_requests(by_status: dict[str, Counter[str]]) -> dict[str, float]:
    counters = {"requests": float(sum(counts.total() for counts in by_status.values()))}
    for outcome in OUTCOMES:
        counters[f"requests.{outcome}"] = float(sum(counts[outcome] for counts in by_status.values()))
    failed = (counts.total() for status, counts in by_status.items() if status.startswith("5"))
    return counters | {"requests.5xx": float(sum(failed))}


def count_buckets(totals: EventCounts) -> dict[str, float]:
    """The requests of each bucket, by its upper bound in seconds, "inf" for the last."""
    buckets: dict[str, float] = {}
    for (event, bound, _), count in totals.items():
        if event == SECONDS_EVENT and is_bound(bound) and len(buckets) < MOST_BUCKETS:
            name = f"request_seconds.{float(bound):g}"
            buckets[name] = buckets.get(name, 0.0) + float(count)
    return buckets


def is_bound(text: str) -> bool:
    try:
        return float(text) > 0
    except ValueError:
        return False


requests = Source("requests", "Requests by status and cache outcome", read_requests)
