"""The rows of scheduled jobs, as beat reads and writes them: in a thread, so that no database delays beat."""

import logging
import threading
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import close_old_connections, connections
from django.utils import timezone

from content.models import ScheduledJob
from content.models.scheduled_job import LONGEST, SHORTEST
from content.ops.state import worker_reports
from content.ops.state.worker_reports import HEARTBEAT_SECONDS
from workers.schedule import SCHEDULE, Job, steady_now

logger = logging.getLogger(__name__)

# Seconds between two looks, and between two writes of times.
LOOK_EVERY, WRITE_EVERY = 1.0, 10.0
# Seconds without a tick after which beat hangs, as while the broker takes nothing.
SILENT_AFTER = 5.0
MOST_ROWS = 1000
# The times at which a job was sent last and is due, by the clock of beat.
Times = dict[str, tuple[datetime | None, datetime | None]]


class Setting(NamedTuple):
    """The settings of a job in its row.

    `every`: None for the default. `last_sent_age`: how long ago another beat sent it.
    """

    every: timedelta | None = None
    paused: bool = False
    last_sent_age: timedelta | None = None


class JobRows:
    """`settings`: of each job with a row, as they were read last; None before the first time.

    While the database is down they stay as they were.
    """

    def __init__(self, jobs: Iterable[Job] = SCHEDULE) -> None:
        self.jobs = {job.name: job for job in jobs}
        self.settings: dict[str, Setting] | None = None
        self.times: Times = {}
        self.written: dict[str, tuple[datetime | None, datetime | None]] = {}
        self.written_at = float("-inf")
        # The times of beat's last tick and of its last store, by the monotonic clock.
        self.ticked_at = self.heard_at = float("-inf")
        self.is_down = False
        self.named: set[str] = set()
        self.has_looked, self.stopping = threading.Event(), threading.Event()
        self.thread: threading.Thread | None = None

    # --- for beat: nothing here waits for the database ------------------------------------------------

    def start(self) -> bool:
        """False if it runs already."""
        if self.thread is not None:
            return False
        self.thread = threading.Thread(target=self.run, name="scheduled jobs", daemon=True)
        self.thread.start()
        return True

    def wait_for_look(self, seconds: float) -> None:
        """Keep a paused job from being sent at the start of beat."""
        self.has_looked.wait(seconds)

    def report(self, times: Times) -> None:
        """Beat calls it at each tick, once a second or more often."""
        self.times = times
        self.ticked_at = time.monotonic()

    def stop(self) -> None:
        self.stopping.set()

    # --- in the thread --------------------------------------------------------------------------------

    def run(self) -> None:
        try:
            while not self.stopping.is_set():
                close_old_connections()
                self.look()
                self.has_looked.set()
                self.send_heartbeat()
                self.stopping.wait(LOOK_EVERY)
        finally:
            connections.close_all()

    def send_heartbeat(self) -> None:
        """Report that beat ticks: one that hangs reports nothing. An error of the cache changes nothing else."""
        now = time.monotonic()
        if now - self.ticked_at > SILENT_AFTER or now - self.heard_at < HEARTBEAT_SECONDS:
            return
        self.heard_at = now
        try:
            worker_reports.record_heartbeat(worker_reports.BEAT)
        except Exception as error:
            logger.debug("the heartbeat of beat is not stored: %s", error)

    def look(self) -> None:
        """Read the rows, and write the times now and then."""
        try:
            self.read()
            if self.has_changed_state() or time.monotonic() - self.written_at >= WRITE_EVERY:
                self.written_at = time.monotonic()
                self.write_times()
        except Exception as error:
            # The thread goes on, with any row: without it beat would never obey the admin again.
            if not self.is_down:
                logger.warning(
                    "Cannot read the schedule from the database (%s). Beat keeps the one that it has; retrying.",
                    error,
                )
            self.is_down = True
        else:
            if self.is_down:
                logger.info("The schedule is read from the database again.")
            self.is_down = False

    def read(self) -> None:
        rows = {row.name: row for row in ScheduledJob.objects.order_by("pk")[:MOST_ROWS]}
        for name in sorted(rows.keys() - self.jobs.keys()):
            text = f"There is a row for the job {name[:100]!r}, which this release does not have. It is ignored."
            self.warn_once(f"{text} Delete it in the admin, unless it is a job of another release.")
        is_first, known = self.settings is None, rows.keys() & self.jobs.keys()
        settings = {name: self.setting_of(rows[name], is_first=is_first) for name in sorted(known)}
        if is_first:
            self.describe_jobs(rows)
        self.settings = settings
        missing = self.jobs.keys() - rows.keys()
        if missing:
            new = [
                ScheduledJob(name=name, reason=self.jobs[name].reason, default_seconds=seconds_of(self.jobs[name]))
                for name in sorted(missing)
            ]
            ScheduledJob.objects.bulk_create(new, ignore_conflicts=True)
            self.written = {name: times for name, times in self.written.items() if name not in missing}

    def describe_jobs(self, rows: dict[str, ScheduledJob]) -> None:
        """Rows of a release before may have another default or reason. Once: two releases may run at once."""
        for name, job in self.jobs.items():
            about = {"reason": job.reason, "default_seconds": seconds_of(job)}
            if name in rows and any(getattr(rows[name], field) != value for field, value in about.items()):
                ScheduledJob.objects.filter(name=name).update(**about)

    def setting_of(self, row: ScheduledJob, *, is_first: bool) -> Setting:
        """A value that is no interval within the bounds is ignored: other programs may write to the table."""
        every: timedelta | None = None
        if type(row.seconds) is int and SHORTEST <= row.seconds <= LONGEST:
            every = timedelta(seconds=row.seconds)
        elif row.seconds is not None:
            text = f"The interval {str(row.seconds)[:40]!r} of the job {row.name!r} is not {SHORTEST} to {LONGEST:,}"
            self.warn_once(f"{text} seconds. Its default is used. Correct it in the admin.")
        age = None
        if is_first and isinstance(row.last_sent_at, datetime):
            age = min(max(timedelta(), timezone.now() - row.last_sent_at), timedelta(seconds=LONGEST))
        return Setting(every, row.paused is True, age)

    def warn_once(self, text: str) -> None:
        if text not in self.named and len(self.named) < MOST_ROWS:
            self.named.add(text)
            logger.warning("%s", text)

    def has_changed_state(self) -> bool:
        """Whether beat has paused or resumed a job, which an operator waits for."""
        no_times = (None, None)
        return any(
            (due is None) != (self.written.get(name, no_times)[1] is None) for name, (_, due) in self.times.items()
        )

    def write_times(self) -> None:
        """Those that have changed, by the wall clock."""
        ahead = timezone.now() - steady_now()
        for name, times in self.times.items():
            if self.written.get(name) == times:
                continue
            sent, due = (moment and moment + ahead for moment in times)
            new = {"next_due_at": due} | ({"last_sent_at": sent} if sent is not None else {})
            ScheduledJob.objects.filter(name=name).update(**new)
            self.written[name] = times


def seconds_of(job: Job) -> int:
    return int(job.every.total_seconds())
