"""/statusz: what runs beside a web process, in sentences, for people of this host and staff."""

import math

import pytest

from content.ops import status
from content.ops.attention import judge
from content.ops.points import Point, Window
from content.ops.snapshot import SOURCES
from content.ops.state import service, totals, worker_reports
from content.ops.status import describe
from workers.job_rows import JobRows

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_cache")]

NAMES = [
    "database", "redis", "worker", "beat", "backlog", "queues", "outbox", "jobs", "releases", "processes",
]  # fmt: skip
WELL = {
    "database.up": 1,
    "redis.up": 1,
    "worker.heartbeat_age_seconds": 4,
    "beat.heartbeat_age_seconds": 3,
    "backlog.refresh": 7,
    "queue.refresh": 2,
    "outbox.rows": 0,
    "outbox.oldest_seconds": 0,
    "jobs": 7,
    "processes.releases": 1,
    "processes": 3,
    "processes.deaf": 0,
}


@pytest.fixture(autouse=True)
def empty_caches():
    forget_measurements()


def forget_measurements() -> None:
    service.forget()
    totals.cached_totals.clear()
    for source in SOURCES:
        source.clear()


def describe_all(gauges: dict[str, float]) -> list[status.Line]:
    window = Window(Point(20.0, "a", {}, gauges))
    return describe(window, judge(window, {}).findings)


def lines(changed: dict[str, float | None]) -> dict[str, status.Line]:
    gauges = {name: float(value) for name, value in (WELL | changed).items() if value is not None}
    return {line.name: line for line in describe_all(gauges)}


def test_all_is_well():
    found = lines({})
    assert list(found) == NAMES
    assert {line.ok for line in found.values()} == {True}
    assert status.summarize(list(found.values())) == "All is well."


@pytest.mark.parametrize(
    ("name", "changed", "text"),
    [
        ("database", {"database.up": 0}, "does not answer"),
        ("redis", {"redis.up": 0}, "does not answer"),
        ("worker", {"worker.heartbeat_age_seconds": 61}, "No worker has reported for 61 s"),
        ("worker", {"worker.heartbeat_age_seconds": math.inf}, "reported for a week or more"),
        ("beat", {"beat.heartbeat_age_seconds": 100}, "not reported for 100 s"),
        ("backlog", {"backlog.refresh": 101}, "101 stale entries"),
        ("queues", {"queue.refresh": 2000}, "refresh 2,000"),
        ("outbox", {"outbox.rows": 3, "outbox.oldest_seconds": 31}, "3 changes wait"),
        ("jobs", {"jobs.failed.write views": 1}, "failed: write views"),
        ("jobs", {"jobs.overdue.write views": 1}, "5 intervals: write views"),
        ("releases", {"processes.releases": 2}, "2 releases"),
        ("processes", {"processes.deaf": 1}, "1 of 3 processes"),
    ],
)
def test_one_fault_is_one_line_with_what_to_do_and_its_runbook(name, changed, text):
    found = lines(changed)
    assert [line.name for line in found.values() if not line.ok] == [name]
    assert text in found[name].text
    assert found[name].action
    assert (status_root() / f"{found[name].runbook}.md").is_file()


def status_root():
    from tests.support.service import ROOT

    return ROOT / status.RUNBOOKS


def test_what_is_not_exported_is_not_known_rather_than_wrong():
    found = describe_all({})
    assert [line.name for line in found] == NAMES
    assert {line.ok for line in found} == {None}
    assert lines({"redis.up": 0, "worker.heartbeat_age_seconds": math.inf})["worker"].ok is None


def test_a_finding_about_another_part_has_a_line_of_its_own():
    found = lines({"coverage.1000": 0.5, "warming.alive": 1})
    assert list(found) == [*NAMES, "coverage"]
    assert (found["coverage"].ok, found["coverage"].runbook) == (False, "coverage-low")


# --- the page -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "query", "content_type"),
    [
        ("*/*", "", "text/plain"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "", "text/html"),
        ("application/json", "", "application/json"),
        ("text/html", "?format=text", "text/plain"),
        ("*/*", "?format=json", "application/json"),
        ("*/*", "?format=html", "text/html"),
    ],
)
def test_each_form_has_all_lines_and_is_never_stored(client, accept, query, content_type):
    response = client.get(f"/statusz{query}", headers={"Accept": accept})
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith(content_type)
    assert response.headers["Cache-Control"] == "no-store"
    assert [name for name in NAMES if name not in response.text] == []


def test_a_heartbeat_of_worker_and_beat_is_seen(client):
    worker_reports.record_heartbeat()
    rows = JobRows(())
    rows.send_heartbeat()
    assert states(client)["beat"] is not True
    rows.report({})
    rows.send_heartbeat()
    forget_measurements()
    assert states(client)["beat"] is True


def states(client) -> dict[str, bool | None]:
    return {line["name"]: line["ok"] for line in client.get("/statusz?format=json").json()["lines"]}


def test_strangers_and_members_get_nothing_and_staff_get_it_from_anywhere(client, django_user_model, settings):
    settings.METRICS_OPEN = True
    assert client.get("/statusz", REMOTE_ADDR="192.0.2.1").status_code == 403
    assert client.get("/statusz", headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 403
    for is_staff, code in ((False, 403), (True, 200)):
        client.force_login(django_user_model.objects.create_user(f"user-{is_staff}", is_staff=is_staff))
        response = client.get("/statusz", REMOTE_ADDR="192.0.2.1")
        assert response.status_code == code
        assert ("worker" in response.text) is is_staff


def test_it_is_read_only(client):
    assert client.post("/statusz").status_code == 405
