"""The schedule: each task that beat sends, and how often."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from celery.schedules import schedule


@dataclass(frozen=True)
class Job:
    """A task, its interval and its reason. A task that waits longer than its interval expires."""

    name: str
    task: str
    every: timedelta
    reason: str


SCHEDULE = (
    Job(
        "relay invalidations",
        "workers.tasks.relay_invalidations",
        timedelta(seconds=5),
        "the net under the relay of each worker",
    ),
    Job("drain due", "workers.tasks.drain_due", timedelta(seconds=10), "the net under the refresher of each worker"),
    Job("tell the CDN", "workers.tasks.tell_cdn", timedelta(seconds=30), "the net under the CDN follower"),
    Job(
        "remove old releases",
        "workers.tasks.remove_old_releases",
        timedelta(minutes=1),
        "entries of a release that is gone take memory until they expire; a new one may need it now",
    ),
    Job("write views", "workers.tasks.write_views", timedelta(seconds=5), "popular posts are up to date"),
    Job("write heat", "workers.tasks.write_heat", timedelta(minutes=1), "after a flush what was hot is known"),
    Job(
        "mail waiting comments",
        "workers.tasks.mail_waiting_comments",
        timedelta(minutes=1),
        "moderators hear of waiting comments; the mail itself has a longer interval",
    ),
    Job(
        "keep warm",
        "workers.tasks.keep_warm",
        timedelta(minutes=1),
        "the net under the control loop: it starts where its process lives and it does not",
    ),
)


# The time of beat begins with the wall clock, and then passes as the monotonic clock does. If the wall clock is set
# back by an hour, Celery would send no task for that hour.
BEGAN, BEGAN_AT = time.monotonic(), datetime.now(UTC)


def steady_now() -> datetime:
    """The time of beat."""
    return BEGAN_AT + timedelta(seconds=time.monotonic() - BEGAN)


def as_beat_schedule() -> dict[str, dict[str, Any]]:
    return {job.name: {"task": job.task} | timing(job.every) for job in SCHEDULE}


def timing(every: timedelta) -> dict[str, Any]:
    """The parts of an entry that depend on its interval."""
    return {"schedule": schedule(every, nowfun=steady_now), "options": {"expires": every.total_seconds()}}
