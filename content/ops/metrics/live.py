"""Metrics of live dashboards and editors. Labels: the five ways below, exported before the first failure."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, Metric

from content.caching.metrics.events import EventCounts

# The tiers of each event.
WAYS = {"layer failed": ("send", "receive"), "unreadable": ("state", "history", "editors")}


def live_metrics(totals: EventCounts) -> Iterator[Metric]:
    help_text = "Messages that the channel layer did not take or deliver, and values in Redis that are none of ours."
    family = CounterMetricFamily("evergreen_live_failures", help_text, labels=("event", "what"))
    for event, tiers in WAYS.items():
        for tier in tiers:
            family.add_metric((event, tier), totals[event, "live", tier])
    yield family
