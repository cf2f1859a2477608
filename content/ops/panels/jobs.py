"""Jobs of beat: when each was sent, when it last succeeded, and whether it has failed or is late."""

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta

from django.utils import timezone

from content.models import ScheduledJob
from content.ops.panels.invalidations import in_age
from content.ops.panels.panel import Reading, Row, Source, numbers, texts
from content.ops.state.cached_result import within_bound
from content.ops.state.jobs import list_failed, list_overdue, runs, schedule
from content.ops.state.worker_reports import JobRun

# Beat writes its times every few seconds, and a busy one sends late.
LATE = timedelta(seconds=60)
COLUMNS = (*texts("Job"), *numbers("Every", "Sent", "Succeeded"), *texts("Last run", "State"))
NONE = "No beat has run here yet, so there are no jobs."
NOT_KNOWN = "How the last runs ended is not known: Redis does not answer."


async def read_jobs() -> Reading:
    """Raises an error of the database."""
    ended = await within_bound(runs)
    return describe_jobs(await schedule.get(), ended)


def describe_jobs(jobs: Sequence[ScheduledJob], ended: Mapping[str, JobRun] | None) -> Reading:
    failed, overdue = list_failed(jobs, ended or {}), list_overdue(jobs, ended or {})
    gauges = {"jobs": len(jobs), "jobs.late": sum(map(is_late, jobs)), "jobs.paused": sum(job.paused for job in jobs)}
    # Failures by name, for the rules of attention. While all is well there are none.
    gauges |= {f"jobs.failed.{name}": 1 for name in failed} | {f"jobs.overdue.{name}": 1 for name in overdue}
    rows = tuple(row_of(job, (ended or {}).get(job.name), is_overdue=job.name in overdue) for job in jobs)
    note = NONE if not jobs else NOT_KNOWN if ended is None else ""
    return Reading(COLUMNS, rows, note, gauges={name: float(value) for name, value in gauges.items()})


def is_late(job: ScheduledJob) -> bool:
    """Whether a job that is not paused should have been sent a minute ago."""
    return not job.paused and job.next_due_at is not None and timezone.now() - job.next_due_at > LATE


def row_of(job: ScheduledJob, run: JobRun | None, *, is_overdue: bool) -> Row:
    sent = (timezone.now() - job.last_sent_at).total_seconds() if job.last_sent_at is not None else None
    succeeded = time.time() - run.succeeded_at if run is not None and run.succeeded_at is not None else None
    last = "-" if run is None else "failed" if run.has_failed else "succeeded"
    state = state_of(job, is_overdue=is_overdue)
    cells = (job.name, f"{job.every.total_seconds():,.0f} s", ago(sent), ago(succeeded), last, state)
    return Row(cells, state="bad" if last == "failed" or state in ("late", "overdue") else "")


def state_of(job: ScheduledJob, *, is_overdue: bool) -> str:
    if job.paused:
        return "paused"
    if is_overdue:
        return "overdue"
    if is_late(job):
        return "late"
    return "scheduled" if job.next_due_at is not None else "not scheduled"


def ago(seconds: float | None) -> str:
    return "-" if seconds is None else f"{in_age(max(0.0, seconds))} ago"


jobs = Source("jobs", "Scheduled jobs", read_jobs)
