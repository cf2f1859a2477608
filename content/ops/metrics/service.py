"""Metrics of the state of the service: queues, jobs, outbox, workers, Redis, database, breakers.

Unknown values are left out. Labels are bounded: the three queues, scheduled jobs, aliases of caches.
"""

import math
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from content.ops.state.outbox import MOST_ROWS
from content.ops.state.redis_server import RedisState
from content.ops.state.service import State
from content.ops.state.worker_reports import Heartbeats


def service_metrics(state: State) -> Iterator[Metric]:
    if state.has_redis:
        yield _gauge("evergreen_redis_up", "Whether the cache's Redis answers.", float(state.redis is not None))
    yield _gauge("evergreen_database_up", "Whether the database answers.", float(state.outbox is not None))
    yield from _queue_metrics(state)
    yield from _job_metrics(state)
    if state.outbox is not None:
        help_text = f"Rows of the outbox that no log has, {MOST_ROWS:,} at most."
        yield _gauge("evergreen_outbox_rows", help_text, state.outbox.rows)
        yield _gauge("evergreen_outbox_oldest_seconds", "Age of the oldest of them.", state.outbox.oldest_seconds)
    if state.heartbeats is not None:
        yield from _heartbeat_metrics(state.heartbeats)
    yield _breakers(state)
    if state.redis is not None:
        yield from _redis_metrics(state.redis)


def _heartbeat_metrics(heartbeats: Heartbeats) -> Iterator[Metric]:
    """None for one that is not known: alert on its absence too."""
    for name, age in heartbeats._asdict().items():
        if math.isfinite(age):
            help_text = f"Seconds since a {name} last reported that it is alive."
            yield _gauge(f"evergreen_{name}_heartbeat_age_seconds", help_text, age)


def _queue_metrics(state: State) -> Iterator[Metric]:
    lengths = GaugeMetricFamily("evergreen_queue_length", "Tasks that wait for a worker.", labels=("queue",))
    for queue, length in (state.queues or {}).items():
        lengths.add_metric((queue,), length)
    yield lengths
    if state.backlog is not None:
        help_text = "Stale entries and pages that wait for a worker."
        yield _gauge("evergreen_refresh_backlog", help_text, state.backlog)


def _job_metrics(state: State) -> Iterator[Metric]:
    help_text = "When the job last succeeded, in Unix seconds."
    succeeded = GaugeMetricFamily("evergreen_job_last_success_timestamp_seconds", help_text, labels=("job",))
    help_text = "Whether the last run of the job failed."
    failed = GaugeMetricFamily("evergreen_job_last_run_failed", help_text, labels=("job",))
    for name, run in (state.runs or {}).items():
        if run.succeeded_at is not None:
            succeeded.add_metric((name,), run.succeeded_at)
        failed.add_metric((name,), float(run.has_failed))
    yield succeeded
    yield failed
    help_text = "Seconds between two runs of a job; absent while it is paused."
    intervals = GaugeMetricFamily("evergreen_job_interval_seconds", help_text, labels=("job",))
    for job in state.schedule or ():
        if not job.paused:
            intervals.add_metric((job.name,), job.every.total_seconds())
    yield intervals


def _breakers(state: State) -> Metric:
    help_text = "Whether this process leaves the cache of that alias alone, since it does not answer."
    family = GaugeMetricFamily("evergreen_breaker_open", help_text, labels=("name",))
    for alias, is_open in state.breakers.items():
        family.add_metric((alias,), float(is_open))
    return family


def _redis_metrics(state: RedisState) -> Iterator[Metric]:
    yield _gauge("evergreen_redis_memory_bytes", "Bytes that the cache's Redis uses.", state.bytes)
    help_text = "Bytes that the cache's Redis may use (maxmemory); 0: no limit."
    yield _gauge("evergreen_redis_memory_limit_bytes", help_text, state.limit)
    help_text = "Keys that the cache's Redis has evicted since it started."
    yield CounterMetricFamily("evergreen_redis_evicted", help_text, value=state.evicted)


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, value=float(value))
