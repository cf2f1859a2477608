"""What panels and metrics say of one state of the service."""

import math
import time

import pytest

from content.caching.metrics.reports import Reporting
from content.models import ScheduledJob
from content.ops.metrics.service import service_metrics
from content.ops.panels.jobs import describe_jobs
from content.ops.panels.services import describe_services
from content.ops.state.outbox import Outbox
from content.ops.state.service import State
from content.ops.state.worker_reports import Heartbeats, JobRun

SILENT = State(None, None, None, None, Outbox(0, 0.0, 0, 0.002), Heartbeats(math.inf, 7.0), None, None)


def samples_of(state: State) -> dict[str, float]:
    return {sample.name: sample.value for family in service_metrics(state) for sample in family.samples}


def test_a_redis_that_is_down_shows_in_panel_and_metrics():
    state = SILENT._replace(has_redis=True)
    gauges = describe_services(state).gauges
    assert (gauges["redis.up"], gauges["database.up"]) == (0.0, 1.0)
    assert gauges["worker.heartbeat_age_seconds"] == math.inf
    assert samples_of(state)["evergreen_redis_up"] == 0
    assert "evergreen_worker_heartbeat_age_seconds" not in samples_of(state)
    assert samples_of(state)["evergreen_beat_heartbeat_age_seconds"] == gauges["beat.heartbeat_age_seconds"] == 7.0


def test_a_site_without_redis_misses_neither_it_nor_a_worker():
    gauges = describe_services(SILENT).gauges
    assert not gauges.keys() & {"redis.up", "worker.heartbeat_age_seconds"}
    assert "evergreen_redis_up" not in samples_of(SILENT)


def test_what_is_not_known_is_no_gauge():
    state = State(None, None, None, None, None, None, None, None, has_redis=True)
    assert describe_services(state).gauges == {"redis.up": 0.0, "database.up": 0.0, "breakers.open": 0.0}


def job(name: str, *, paused: bool = False) -> ScheduledJob:
    return ScheduledJob(name=name, seconds=10, paused=paused)


# Five intervals and two minutes.
LONGEST = 170.0


@pytest.mark.parametrize(("age", "is_overdue"), [(LONGEST - 5, False), (LONGEST + 5, True)])
def test_a_job_is_overdue_after_five_intervals_unless_it_is_paused(age, is_overdue):
    ended = {name: JobRun(time.time() - age, has_failed=False) for name in ("a", "paused")}
    reading = describe_jobs([job("a"), job("paused", paused=True), job("never ran")], ended)
    assert ("jobs.overdue.a" in reading.gauges) is is_overdue
    assert not reading.gauges.keys() & {"jobs.overdue.paused", "jobs.overdue.never ran"}
    assert [row.cells[-1] for row in reading.rows][1] == "paused"


def test_the_last_run_of_a_job_is_shown_with_its_last_success():
    ended = {"a": JobRun(time.time() - 30, has_failed=True), "not scheduled": JobRun(None, has_failed=True)}
    reading = describe_jobs([job("a"), job("b")], ended)
    assert [name for name in reading.gauges if name.startswith("jobs.failed.")] == ["jobs.failed.a"]
    assert reading.rows[0].cells[3:5] == ("30 s ago", "failed")
    assert (reading.rows[0].state, reading.rows[1].cells[3:5], reading.rows[1].state) == ("bad", ("-", "-"), "")
    assert "not known" in describe_jobs([job("a")], None).note


def test_a_forked_process_has_a_start_of_its_own():
    reporting = Reporting()
    reporting.started_at = 1.0
    reporting.forget()
    assert abs(time.time() - reporting.started_at) < 60
