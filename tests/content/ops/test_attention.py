"""The rules of the dashboard: each speaks of what it is about, and is silent while all is well."""

from pathlib import Path

import pytest

from content.ops.attention import NAMES, judge
from content.ops.panels.panel import Panel
from content.ops.points import Point, Window
from content.ops.rules import RULES
from tests.support.alerts.rules import alerts
from tests.support.service import ROOT

WELL = {
    "redis.up": 1.0,
    "database.up": 1.0,
    "worker.heartbeat_age_seconds": 2.0,
    "beat.heartbeat_age_seconds": 2.0,
    "warming.alive": 1.0,
    "coverage.1000": 1.0,
    "processes.releases": 1.0,
    "redis.memory_bytes": 10.0,
    "redis.limit_bytes": 100.0,
}
COUNTERS = {
    "requests.hit": 1000.0,
    "requests.stale": 0.0,
    "requests.joined": 0.0,
    "requests.miss": 5.0,
    "requests.5xx": 0.0,
    "reads.memory": 1000.0,
    "reads.shared": 0.0,
    "reads.negative": 0.0,
    "reads.stale": 0.0,
    "reads.joined": 0.0,
    "reads.miss": 1.0,
    "redis.evicted": 0.0,
}
BROKEN = {
    "database-down": {"database.up": 0.0},
    "redis-down": {"redis.up": 0.0},
    "errors-5xx": {"requests.5xx": 3.0},
    "inconsistent-entries": {"inconsistent.recent": 1.0},
    "process-deaf": {"processes.deaf": 1.0},
    "worker-down": {"worker.heartbeat_age_seconds": float("inf")},
    "beat-down": {"beat.heartbeat_age_seconds": 100.0},
    "breaker-open": {"breakers.open": 1.0},
    "outbox-behind": {"outbox.oldest_seconds": 60.0},
    "cdn-behind": {"cdn.lag_seconds": 61.0},
    "readers-wait": {"reads.miss": 100.0},
    "hit-ratio-low": {"requests.miss": 5000.0},
    "coverage-low": {"coverage.1000": 0.5},
    "backlog-growing": {"backlog.refresh": 5000.0},
    "job-failed": {"jobs.failed.write views": 1.0},
    "job-overdue": {"jobs.overdue.write views": 1.0},
    "redis-memory-full": {"redis.memory_bytes": 95.0},
    "evictions": {"redis.evicted": 10.0},
    "release-mixed": {"processes.releases": 2.0},
}


# Windows for rules with a name that another rule has too.
MORE = [
    ("breaker-open", {"processes.breakers_open": 1.0}),
    ("outbox-behind", {"outbox.failed": 1.0}),
    ("backlog-growing", {"queue.warm": 101.0}),
    ("job-failed", {"runs.last_failed": 2.0}),
    ("job-failed", {"runs.silent": 1.0}),
]


def window_with(**changed: float) -> Window:
    gauges = WELL | {name: value for name, value in changed.items() if name not in COUNTERS}
    counters = COUNTERS | {name: value for name, value in changed.items() if name in COUNTERS}
    return Window(Point(20, "a", counters, gauges), Point(0, "a"))


def test_all_is_well():
    verdict = judge(window_with(), {})
    assert (verdict.level, verdict.text, verdict.findings) == ("well", "All is well.", ())


def test_nothing_is_known_and_nothing_is_claimed():
    assert judge(Window(Point(0, "")), {}).level == "well"


def test_each_rule_has_a_case_here():
    assert {rule.name for rule in RULES} == set(BROKEN)


@pytest.mark.parametrize("name", BROKEN)
def test_a_fault_is_found_by_its_rule_alone(name):
    verdict = judge(window_with(**BROKEN[name]), {})
    assert [each.name for each in verdict.findings] == [name]
    [finding] = verdict.findings
    assert verdict.text == f"{finding.problem} {finding.action}"
    assert finding.link == f"/ops/runbooks/{name}/"


@pytest.mark.parametrize(("name", "changed"), MORE)
def test_some_rules_share_a_runbook(name, changed):
    assert [each.name for each in judge(window_with(**changed), {}).findings] == [name]


def test_a_backlog_that_gets_shorter_is_no_finding():
    window = window_with(**BROKEN["backlog-growing"])
    window.before.gauges["backlog.refresh"] = 5001.0
    assert judge(window, {}).level == "well"


def test_a_job_is_not_overdue_for_a_beat_or_worker_that_is_silent():
    for cause in ("beat-down", "worker-down"):
        verdict = judge(window_with(**BROKEN[cause], **BROKEN["job-overdue"]), {})
        assert [each.name for each in verdict.findings] == [cause]


def test_the_rules_are_the_alerts_and_each_has_a_runbook():
    """What no page can show: that no page answers."""
    pages = {Path(alert["annotations"]["runbook_url"]) for alert in alerts().values()}
    assert set(NAMES) == {page.stem for page in pages} - {"target-down"}
    assert [page for page in pages if not (ROOT / page).is_file()] == []


def test_the_worst_comes_first_and_the_others_are_counted():
    verdict = judge(window_with(**BROKEN["release-mixed"], **BROKEN["redis-down"], **BROKEN["coverage-low"]), {})
    assert verdict.level == "failing"
    assert verdict.text.startswith("Redis does not answer.")
    assert verdict.text.endswith("2 more need attention.")


def test_a_panel_that_cannot_be_read_is_named_unless_its_service_is_down():
    panels = {"jobs": Panel(1.0, "Scheduled jobs", status="failed", note="ValueError.")}
    assert "Scheduled jobs" in judge(window_with(), panels).text
    assert "Scheduled jobs" not in judge(window_with(**BROKEN["database-down"]), panels).text


def test_while_redis_is_down_nothing_else_is_said_of_its_worker():
    of_redis = ("redis-down", "worker-down", "beat-down", "breaker-open", "outbox-behind", "job-overdue")
    changed = {name: value for rule in of_redis for name, value in BROKEN[rule].items()}
    assert [each.name for each in judge(window_with(**changed), {}).findings] == ["redis-down"]
