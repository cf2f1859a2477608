"""Scheduled jobs: their rows, how their last runs ended, and which are overdue."""

import time
from collections.abc import Mapping, Sequence

from content.models import ScheduledJob
from content.ops.state.cached_result import CACHE_SECONDS, CachedResult
from content.ops.state.database import query
from content.ops.state.worker_reports import JobRun, read_runs

# Jobs that are read: any program may write rows.
MOST_JOBS = 100
# A job is overdue after so many of its intervals, and seconds, without a success: as in deploy/prometheus/rules.yml.
INTERVALS, OVERDUE = 5, 120.0


async def read_schedule() -> Sequence[ScheduledJob]:
    """Raises errors of the database."""
    return await query(lambda: list(ScheduledJob.objects.order_by("pk")[:MOST_JOBS]))


schedule = CachedResult(read_schedule, CACHE_SECONDS)
runs = CachedResult(read_runs, CACHE_SECONDS)


def list_failed(jobs: Sequence[ScheduledJob], ended: Mapping[str, JobRun]) -> list[str]:
    """Jobs whose last run failed."""
    return [job.name for job in jobs if job.name in ended and ended[job.name].has_failed]


def list_overdue(jobs: Sequence[ScheduledJob], ended: Mapping[str, JobRun]) -> list[str]:
    """Jobs that are not paused, have succeeded once, and not for too long."""
    now, found = time.time(), list[str]()
    for job in jobs:
        at = ended[job.name].succeeded_at if job.name in ended else None
        if at is not None and not job.paused and now - at > INTERVALS * job.every.total_seconds() + OVERDUE:
            found.append(job.name)
    return found
