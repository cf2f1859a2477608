"""Metrics of what runs beside the web processes: beat, and the intervals of its jobs."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError
from prometheus_client.core import GaugeMetricFamily, Metric
from redis.exceptions import RedisError

from content.caching.engines import engine_of
from content.models import ScheduledJob
from content.ops.worker_reports import BEAT, read_heartbeat_age

# Jobs that are counted: any program may write rows.
MOST_JOBS = 100
# Seconds for each: less than /metrics waits for both, so that one that hangs does not hide the other.
PATIENCE = 0.4


@dataclass(frozen=True)
class Schedule:
    """beat_age: seconds since the last heartbeat. `intervals`: seconds, of each job that is not paused."""

    beat_age: float | None = None
    intervals: Mapping[str, float] = field(default_factory=dict)


async def read_schedule() -> Schedule | None:
    """It takes PATIENCE at most. Values that cannot be read are left out."""
    age, intervals = await asyncio.gather(read_beat_age(), read_intervals())
    return Schedule(age, intervals)


async def read_beat_age() -> float | None:
    try:
        return await asyncio.wait_for(read_heartbeat_age(BEAT), PATIENCE)
    except (RedisError, OSError):
        return None


async def read_intervals() -> dict[str, float]:
    executor = engine_of("default").loop_state().executor
    try:
        return await asyncio.wait_for(executor.run(lambda: sync_to_async(list_intervals)()), PATIENCE)
    except (DatabaseError, InterfaceError, OSError):
        return {}


def list_intervals() -> dict[str, float]:
    jobs = ScheduledJob.objects.filter(paused=False).order_by("pk")[:MOST_JOBS]
    return {job.name: job.every.total_seconds() for job in jobs}


def schedule_metrics(schedule: Schedule) -> Iterator[Metric]:
    if schedule.beat_age is not None:
        help_text = "Seconds since beat last reported that it is alive."
        yield GaugeMetricFamily("evergreen_beat_heartbeat_age_seconds", help_text, value=schedule.beat_age)
    help_text = "Seconds between two runs of a job; absent while it is paused."
    intervals = GaugeMetricFamily("evergreen_job_interval_seconds", help_text, labels=("job",))
    for name, seconds in schedule.intervals.items():
        intervals.add_metric((name,), seconds)
    yield intervals
