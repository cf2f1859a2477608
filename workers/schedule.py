"""What runs when, as data."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any


@dataclass(frozen=True)
class Job:
    """A task, how often it runs, and why. One that waits longer than its interval is dropped, not piled up."""

    name: str
    task: str
    every: timedelta
    reason: str


SCHEDULE = (
    Job("relay invalidations", "workers.tasks.relay_invalidations", timedelta(seconds=5), "none is ever lost"),
    Job("drain due", "workers.tasks.drain_due", timedelta(seconds=10), "what is due is loaded, come what may"),
    Job("tell the CDN", "workers.tasks.tell_cdn", timedelta(seconds=30), "no purge is ever lost"),
    Job("write views", "workers.tasks.write_views", timedelta(seconds=5), "what is popular shows soon"),
    Job("warm popular", "workers.tasks.warm_popular", timedelta(minutes=1), "most reads go there"),
    Job("warm everything", "workers.tasks.warm_everything", timedelta(hours=1), "no first reader waits"),
)


def as_beat_schedule() -> dict[str, dict[str, Any]]:
    return {
        job.name: {
            "task": job.task,
            "schedule": job.every,
            "options": {"expires": job.every.total_seconds()},
        }
        for job in SCHEDULE
    }
