"""Beat takes intervals and pauses from rows within seconds, and needs no database to go on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from celery.beat import ScheduleEntry
from django.db import connection
from django.utils import timezone

from content.models import ScheduledJob
from tests.support.beat import FakeRows
from tests.support.servers.process import stop
from tests.support.servers.redis import RedisServer, running_redis
from tests.support.service import environment_of, make_tables
from tests.support.wait import READY_SECONDS, wait_until
from tests.support.warm_process import WarmProcess
from tests.support.worker import QUEUE
from workers import app, schedule
from workers.beat import LOOK, JobScheduler
from workers.job_rows import JobRows, Setting
from workers.schedule import SCHEDULE

pytestmark = pytest.mark.long

# Sent every 5 seconds.
NAME = "write views"
MINUTE = timedelta(minutes=1)


class SimulatedBeat(JobScheduler):
    """Notes the seconds at which it sends NAME."""

    producer = None

    def setup_schedule(self) -> None:
        self.seconds, self.sent_at = 0.0, list[float]()
        self.merge_inplace(app.conf.beat_schedule)

    def apply_entry(self, entry: ScheduleEntry, producer: object = None) -> None:
        if entry.name == NAME:
            self.sent_at.append(self.seconds)

    def run_until(self, seconds: float) -> list[float]:
        """When it has sent since the last call, in whole seconds."""
        self.sent_at.clear()
        while self.seconds < seconds:
            self.seconds = min(seconds, self.seconds + max(self.tick(), 0.01))
        return [round(each) for each in self.sent_at]

    def use(self, setting: Setting | None) -> None:
        assert isinstance(self.rows, FakeRows)
        self.rows.use(**({} if setting is None else {NAME.replace(" ", "_"): setting}))


@pytest.fixture
def new_beat(monkeypatch):
    """Makes a beat at its second 0."""
    beats: list[SimulatedBeat] = []
    monkeypatch.setattr(schedule.time, "monotonic", lambda: beats[-1].seconds if beats else 0.0)
    monkeypatch.setattr(schedule, "BEGAN", 0.0)
    monkeypatch.setattr(schedule, "BEGAN_AT", datetime(2026, 6, 1, 12, tzinfo=UTC))

    def make(setting: Setting | None = None) -> SimulatedBeat:
        beat = SimulatedBeat(app, rows=FakeRows())
        if setting is not None:
            beat.use(setting)
        beats.append(beat)
        return beat

    return make


# --- the scheduler -----------------------------------------------------------------------------------------


def test_without_rows_the_intervals_are_those_of_the_code(new_beat):
    assert new_beat().run_until(21) == [5, 10, 15, 20]


def test_a_longer_interval_counts_from_the_last_sending(new_beat):
    beat = new_beat()
    beat.run_until(12)
    beat.use(Setting(MINUTE))
    assert beat.run_until(131) == [70, 130]


def test_a_shorter_interval_sends_once_what_is_due_by_it(new_beat):
    beat = new_beat(Setting(MINUTE))
    assert beat.run_until(80) == [60]
    beat.use(Setting(timedelta(seconds=3)))
    assert beat.run_until(90) == [80, 83, 86, 89]


def test_an_interval_is_shortened_before_the_first_sending(new_beat):
    beat = new_beat(Setting(MINUTE))
    assert beat.run_until(20) == []
    beat.use(Setting(timedelta(seconds=3)))
    assert beat.run_until(27) == [20, 23, 26]


def test_a_task_expires_with_its_own_interval(new_beat):
    beat = new_beat(Setting(MINUTE))
    beat.tick()
    assert beat.schedule[NAME].options == {"expires": 60.0}


def test_a_paused_job_is_not_sent_and_a_resumed_one_waits_for_the_rest_of_its_interval(new_beat):
    beat = new_beat()
    beat.run_until(12)
    beat.use(Setting(paused=True))
    assert beat.run_until(100) == []
    beat.use(Setting())
    assert beat.run_until(104) == [100]
    beat.use(Setting(paused=True))
    beat.run_until(104.5)
    beat.use(Setting())
    assert beat.run_until(111) == [105, 110]


def test_a_job_that_is_paused_at_the_start_is_never_sent(new_beat):
    assert new_beat(Setting(paused=True)).run_until(60) == []


def test_a_row_that_is_deleted_restores_the_default(new_beat):
    beat = new_beat(Setting(MINUTE, paused=True))
    assert beat.run_until(62) == []
    beat.use(None)
    assert beat.run_until(71) == [62, 67]


def test_edits_without_end_send_nothing_twice(new_beat):
    beat = new_beat()
    sent = []
    for second in range(300):
        beat.use(Setting(timedelta(seconds=5 + second % 3), paused=second % 7 == 0))
        sent += beat.run_until(second + 1)
    assert len(sent) > 30
    assert all(after - before >= 5 for before, after in pairwise(sent))


def test_an_edit_is_taken_within_the_time_of_a_look(new_beat):
    beat = new_beat(Setting(MINUTE))
    beat.run_until(20)
    assert beat.tick() <= LOOK


def test_a_new_beat_goes_on_where_another_has_stopped(new_beat):
    assert new_beat(Setting(MINUTE, last_sent_age=timedelta(seconds=50))).run_until(75) == [10, 70]
    assert new_beat(Setting(MINUTE, last_sent_age=timedelta(days=1))).run_until(75) == [0, 60]


# --- the rows ----------------------------------------------------------------------------------------------


@pytest.fixture
def rows() -> JobRows:
    found = JobRows()
    found.look()
    return found


def warnings(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


@pytest.mark.django_db
def test_each_job_has_a_row_with_the_defaults(rows):
    about = ScheduledJob.objects.values_list("name", "default_seconds", "reason", "seconds", "paused")
    assert set(about) == {(job.name, job.every.total_seconds(), job.reason, None, False) for job in SCHEDULE}
    rows.look()
    assert rows.settings == {job.name: Setting() for job in SCHEDULE}
    ScheduledJob.objects.filter(name=NAME).update(seconds=60, paused=True)
    rows.look()
    assert rows.settings[NAME] == Setting(MINUTE, paused=True)
    ScheduledJob.objects.filter(name=NAME).delete()
    rows.look()
    assert rows.settings.get(NAME, Setting()) == Setting()
    assert ScheduledJob.objects.get(name=NAME).seconds is None


@pytest.mark.django_db
def test_a_row_of_a_release_before_gets_the_new_default_once(rows):
    ScheduledJob.objects.filter(name=NAME).update(default_seconds=77, reason="an older one", seconds=30)
    JobRows().look()
    row = ScheduledJob.objects.get(name=NAME)
    assert (row.default_seconds, row.reason != "an older one", row.seconds) == (5, True, 30)


@pytest.mark.django_db
@pytest.mark.parametrize("seconds", [0, 86_401, 2**40])
def test_an_interval_out_of_bounds_is_ignored_with_one_message(rows, caplog, seconds):
    ScheduledJob.objects.filter(name=NAME).update(seconds=min(seconds, 2**31 - 1))
    rows.look()
    rows.look()
    assert rows.settings[NAME] == Setting()
    [line] = warnings(caplog)
    assert f"of the job {NAME!r} is not 1 to 86,400 seconds. Its default is used." in line


@pytest.mark.django_db
def test_a_row_of_an_unknown_job_is_ignored_with_one_message(rows, caplog):
    ScheduledJob.objects.create(name="mine bitcoin\n", default_seconds=1, seconds=1)
    rows.look()
    rows.look()
    assert set(rows.settings) == {job.name for job in SCHEDULE}
    [line] = warnings(caplog)
    assert "job 'mine bitcoin\\n', which this release does not have. It is ignored." in line


@pytest.mark.django_db
def test_times_of_another_age_are_bounded(rows):
    for year in (1, 9999):
        row = ScheduledJob(name=NAME, last_sent_at=datetime(year, 6, 1, tzinfo=UTC))
        assert timedelta() <= rows.setting_of(row, is_first=True).last_sent_age <= timedelta(days=1)


@pytest.mark.django_db
def test_times_are_shown_by_the_wall_clock(rows, monkeypatch):
    now = schedule.steady_now()
    monkeypatch.setattr(schedule, "BEGAN_AT", schedule.BEGAN_AT - timedelta(hours=1))
    hour_ago = schedule.steady_now()
    rows.report({NAME: (hour_ago - timedelta(seconds=2), hour_ago + timedelta(seconds=3))})
    rows.look()
    row = ScheduledJob.objects.get(name=NAME)
    assert abs(row.next_due_at - now - timedelta(seconds=3)) < timedelta(minutes=5)
    assert row.next_due_at - row.last_sent_at == timedelta(seconds=5)
    assert timezone.now() - row.last_sent_at < timedelta(minutes=5)
    assert JobRows().setting_of(row, is_first=True).last_sent_age < timedelta(minutes=5)
    rows.report({NAME: (hour_ago, None)})
    rows.look()
    row.refresh_from_db()
    assert row.next_due_at is None


@pytest.mark.django_db(transaction=True)
def test_while_the_table_cannot_be_read_the_settings_stay(rows, caplog):
    caplog.set_level("INFO")
    ScheduledJob.objects.filter(name=NAME).update(seconds=60)
    rows.look()
    with rename_table():
        rows.look()
        rows.look()
        assert rows.settings[NAME].every == MINUTE
    rows.look()
    assert [line.split("(")[0].strip() for line in caplog.messages] == [
        "Cannot read the schedule from the database",
        "The schedule is read from the database again.",
    ]


@contextmanager
def rename_table() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE content_scheduledjob RENAME TO elsewhere")
        try:
            yield
        finally:
            cursor.execute("ALTER TABLE elsewhere RENAME TO content_scheduledjob")


# --- a real beat -------------------------------------------------------------------------------------------

# Answers each line, an expression, with a line: its value.
SHELL = """
import sys
import django
django.setup()
from content.models import ScheduledJob
from django.db import connection
jobs = ScheduledJob.objects
for line in sys.stdin:
    print(eval(line), flush=True)
"""


class Beat:
    def __init__(self, server: RedisServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        environment = environment_of(folder) | {
            "REDIS_URL": server.url,
            "SECRET_KEY": "for tests only",
            "DJANGO_SETTINGS_MODULE": "project.settings",
        }
        with (folder / "log").open("w") as log:
            self.process = WarmProcess(["-m", "celery", "-A", "workers", "--quiet", "beat"], environment, log=log)
        self.other = WarmProcess(["-c", SHELL], environment, is_piped=True)

    def ask(self, expression: str) -> str:
        """Its value in a process of the site."""
        self.other.stdin.write(f"{expression}\n")
        self.other.stdin.flush()
        return self.other.stdout.readline().strip()

    def end(self) -> None:
        stop(self.process)
        self.other.communicate(timeout=READY_SECONDS)

    def count_sent(self) -> int:
        """Messages of `relay invalidations` and `tell the CDN`."""
        with self.server.client() as client:
            return int(client.llen(f"{QUEUE}refresh"))

    def wait_for_more(self) -> None:
        before = self.count_sent()
        wait_until(lambda: self.count_sent() > before + 1, "beat sends")


@pytest.fixture
def real_beat(tmp_path) -> Iterator[Beat]:
    make_tables(tmp_path)
    with running_redis() as server:
        beat = Beat(server, tmp_path)
        try:
            yield beat
        finally:
            beat.end()


def test_a_running_beat_obeys_its_rows_and_goes_on_without_them(real_beat):
    count = "jobs.exclude(next_due_at=None).count()"
    wait_until(lambda: real_beat.ask(count) == str(len(SCHEDULE)), "beat has made its rows")
    real_beat.ask("jobs.filter(name='relay invalidations').update(seconds=1)")
    real_beat.wait_for_more()
    real_beat.ask("jobs.update(paused=True)")
    wait_until(lambda: real_beat.ask(count) == "0", "all are paused")
    sent = real_beat.count_sent()
    # Two of the seconds in which it would send.
    time.sleep(2)
    assert real_beat.ask("jobs.get(name='relay invalidations').last_sent_at is not None") == "True"
    assert real_beat.count_sent() == sent
    real_beat.ask("jobs.update(paused=False)")
    real_beat.wait_for_more()
    real_beat.ask("connection.cursor().execute('ALTER TABLE content_scheduledjob RENAME TO elsewhere')")
    wait_until(lambda: "Cannot read the schedule" in (real_beat.folder / "log").read_text(), "beat has noticed")
    real_beat.wait_for_more()
