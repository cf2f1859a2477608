"""Jobs of beat: when each was sent last, when it is due, and whether beat is late."""

from datetime import timedelta

from django.utils import timezone

from content.models import ScheduledJob
from content.ops.panels.invalidations import in_age
from content.ops.panels.panel import Reading, Row, Source, numbers, query, texts

# Beat writes its times every few seconds, and a busy one sends late.
LATE = timedelta(seconds=60)
COLUMNS = (*texts("Job"), *numbers("Every", "Sent"), *texts("State"))
NONE = "No beat has run here yet, so there are no jobs."


async def read_jobs() -> Reading:
    """Raises an error of the database."""
    return await query(describe_jobs)


def describe_jobs() -> Reading:
    jobs = list(ScheduledJob.objects.all()[:100])
    late = [job for job in jobs if is_late(job)]
    gauges = {"jobs": float(len(jobs)), "jobs.late": float(len(late))}
    gauges["jobs.paused"] = float(sum(job.paused for job in jobs))
    return Reading(COLUMNS, tuple(map(row_of, jobs)), "" if jobs else NONE, gauges=gauges)


def is_late(job: ScheduledJob) -> bool:
    """Whether a job that is not paused should have been sent a minute ago."""
    return not job.paused and job.next_due_at is not None and timezone.now() - job.next_due_at > LATE


def row_of(job: ScheduledJob) -> Row:
    sent = (
        "never" if job.last_sent_at is None else f"{in_age((timezone.now() - job.last_sent_at).total_seconds())} ago"
    )
    if job.paused:
        state = "paused"
    elif is_late(job):
        state = "late"
    else:
        state = "scheduled" if job.next_due_at is not None else "not scheduled"
    return Row((job.name, f"{job.every.total_seconds():,.0f} s", sent, state), state="bad" if state == "late" else "")


jobs = Source("jobs", "Scheduled jobs", read_jobs, seconds=2.0)
