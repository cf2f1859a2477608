"""The scheduler of beat: Celery's, in memory, with the intervals and pauses that operators have set in the admin."""

import logging
from datetime import datetime, timedelta
from typing import Any

from celery.beat import Scheduler

from content.liveness import beat, notify
from workers.job_rows import JobRows, Setting
from workers.schedule import SCHEDULE, Job, steady_now, timing

logger = logging.getLogger(__name__)

# Seconds after which a change of a row is seen, and for which the start waits for the database.
LOOK, FIRST_LOOK = 1.0, 3.0
DEFAULT = Setting()


class JobScheduler(Scheduler):
    """It does no I/O but to send: `rows` reads and writes the database in a thread of its own.

    An edit keeps the time of the last sending. So a shorter interval sends at once only what is due by it, and a job
    that is paused and resumed waits for the rest of its interval.
    """

    def __init__(self, *args: Any, rows: JobRows | None = None, **kwargs: Any) -> None:
        self.rows = JobRows() if rows is None else rows
        self.applied: dict[str, Setting] | None = None
        # Entries of paused jobs, and when each job was sent last.
        self.resting: dict[str, Any] = {}
        self.sent: dict[str, datetime] = {}
        self.is_ready = False
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        if not self.is_ready:
            self.is_ready = True
            notify("READY=1", "STATUS=Sending what is due.")
        beat()
        if self.applied is None and self.rows.start():
            self.rows.wait_for_look(FIRST_LOOK)
        settings = self.rows.settings
        if settings is not None and settings != self.applied:
            self.apply_settings(settings)
        seconds: float = super().tick(*args, **kwargs)
        self.rows.report({job.name: (self.sent.get(job.name), self.next_due(job)) for job in SCHEDULE})
        return min(seconds, LOOK)

    def apply_settings(self, settings: dict[str, Setting]) -> None:
        """Celery sees that the schedule has changed, and computes anew when each entry is due."""
        is_first, self.applied = self.applied is None, settings
        for job in SCHEDULE:
            setting = settings.get(job.name, DEFAULT)
            entry = self.schedule.pop(job.name, None) or self.resting.pop(job.name)
            changed = change_entry(entry, setting.every or job.every)
            if is_first and setting.last_sent_age is not None and not entry.total_run_count:
                changed.last_run_at = min(changed.last_run_at, steady_now() - setting.last_sent_age)
            (self.resting if setting.paused else self.schedule)[job.name] = changed

    def next_due(self, job: Job) -> datetime | None:
        """The next time of a job, by the clock of beat. None while it is paused."""
        entry: Any = self.schedule.get(job.name)
        due: datetime | None = entry and entry.last_run_at + entry.schedule.run_every
        return due

    def apply_async(self, entry: Any, *args: Any, **kwargs: Any) -> Any:
        """Raises SchedulingError if the broker does not take it."""
        result = super().apply_async(entry, *args, **kwargs)
        self.sent[entry.name] = steady_now()
        return result

    def _ensure_connected(self) -> Any:
        """Like Celery's, with a sign of life each second while the broker does not respond."""

        def log_failure(error: Exception, interval: float) -> None:
            logger.error("Cannot reach the broker (%s). No task is sent; trying again in %g s.", error, interval)

        retries = self.app.conf.broker_connection_max_retries
        return self.connection.ensure_connection(log_failure, retries, callback=beat)

    def close(self) -> None:
        notify("STOPPING=1", "STATUS=Ending.")
        self.rows.stop()
        super().close()


def change_entry(entry: Any, every: timedelta) -> Any:
    """A copy: Celery compares the old schedule with the new one, and would not see a change in place."""
    if entry.schedule.run_every == every:
        return entry
    logger.info("Job %r is sent every %g s from now on.", entry.name, every.total_seconds())
    return type(entry)(**dict(entry) | timing(every))
