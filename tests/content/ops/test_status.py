"""/statusz: what runs beside a web process, in sentences, for people of this host and staff."""

import pytest

from content.ops import metrics, status, worker_reports
from content.ops.status import describe
from workers.job_rows import JobRows

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_cache")]

NAMES = [
    "database", "redis", "worker", "beat", "backlog", "queues", "outbox", "jobs", "releases", "processes",
]  # fmt: skip
WELL = {
    "evergreen_database_up": 1,
    "evergreen_redis_up": 1,
    "evergreen_worker_heartbeat_age_seconds": 4,
    "evergreen_beat_heartbeat_age_seconds": 3,
    "evergreen_refresh_backlog": 7,
    'evergreen_queue_length{queue="refresh"}': 2,
    "evergreen_outbox_rows": 0,
    "evergreen_outbox_oldest_seconds": 0,
    'evergreen_job_interval_seconds{job="write views"}': 5,
    'evergreen_job_last_run_failed{job="write views"}': 0,
    # However long the tests before take.
    'evergreen_job_last_success_timestamp_seconds{job="write views"}': 4e9,
    "evergreen_releases": 1,
    "evergreen_processes": 3,
    "evergreen_processes_deaf": 0,
}


@pytest.fixture(autouse=True)
def empty_caches():
    metrics.cached_metrics.clear()
    metrics.cached_schedule.clear()


def lines(changed: dict[str, float | None]) -> dict[str, status.Line]:
    values = {name: value for name, value in (WELL | changed).items() if value is not None}
    return {line.name: line for line in describe("".join(f"{name} {value}\n" for name, value in values.items()))}


def test_all_is_well():
    found = lines({})
    assert list(found) == NAMES
    assert {line.ok for line in found.values()} == {True}
    assert status.summarize(list(found.values())) == "All is well."


@pytest.mark.parametrize(
    ("name", "changed", "text"),
    [
        ("database", {"evergreen_database_up": 0}, "does not answer"),
        ("redis", {"evergreen_redis_up": 0}, "does not answer"),
        ("worker", {"evergreen_worker_heartbeat_age_seconds": 61}, "not reported for 61 s"),
        ("worker", {"evergreen_worker_heartbeat_age_seconds": None}, "not reported for a week or more"),
        ("beat", {"evergreen_beat_heartbeat_age_seconds": 100}, "not reported for 100 s"),
        ("backlog", {"evergreen_refresh_backlog": 101}, "101 stale entries"),
        ("queues", {'evergreen_queue_length{queue="refresh"}': 2000}, "refresh 2,000"),
        ("outbox", {"evergreen_outbox_rows": 3, "evergreen_outbox_oldest_seconds": 31}, "3 changes wait"),
        ("jobs", {'evergreen_job_last_run_failed{job="write views"}': 1}, "failed: write views"),
        (
            "jobs",
            {'evergreen_job_last_success_timestamp_seconds{job="write views"}': 1000},
            "5 intervals: write views",
        ),
        ("releases", {"evergreen_releases": 2}, "2 releases"),
        ("processes", {"evergreen_processes_deaf": 1}, "1 of 3 processes"),
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
    found = describe("")
    assert {line.name for line in found if line.ok} == set()
    assert {line.name for line in found if line.ok is False} == {"worker", "beat"}
    assert lines({"evergreen_redis_up": 0, "evergreen_worker_heartbeat_age_seconds": None})["worker"].ok is None


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
    metrics.cached_metrics.clear()
    metrics.cached_schedule.clear()
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
