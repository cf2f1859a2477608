"""The rules of Prometheus by promtool: each alert fires for its fault, after its time, and for nothing else."""

import re

import pytest
import yaml

from tests.support.alerts.rules import FOLDER, RULES, RUNBOOKS, alerts, promtool
from tests.support.alerts.series import (
    BREAKS,
    DURATIONS,
    JOB,
    WAITS,
    WELL,
    Fault,
    alert_file,
    bucket,
    clock,
    constant,
    counter,
    faster,
    nothing,
    requests,
    then,
)

SLOW_WAITS = {
    requests(200, "miss"): faster(3, 13),
    bucket(WAITS, "0.1"): faster(2.9, 2.9),
    bucket(WAITS, "1.0"): faster(3, 3),
    bucket(WAITS, "5.0"): faster(3, 13),
    bucket(WAITS, "+Inf"): faster(3, 13),
    f"{WAITS}_count": faster(3, 13),
}


def fires(name: str, after: float, series: dict, *, hosts: int = 2) -> Fault:
    return Fault(series, frozenset({name} if name else ()), after, hosts)


def gauge(name: str, good: float, bad: float) -> dict:
    return {name: then(constant(good), constant(bad))}


def coverage(fresh: float) -> dict:
    return gauge('evergreen_coverage_fresh{set="1000",tier="shared",resource="post",page=""}', 980, fresh)


# What is wrong, and what fires after how many minutes.
FAULTS = {
    "a process is gone": fires("TargetDown", 1, gauge("up", 1, 0), hosts=1),
    "no target is known": fires("TargetDown", 6, {"up": then(constant(1), nothing)}),
    "a quarter of all responses are 500": fires("Errors5xx", 5, {requests(500, "pass"): faster(0, 40)}),
    "loads take seconds": fires("ReadersWait", 5, SLOW_WAITS),
    "one host has no Redis": fires("RedisDown", 1, gauge("evergreen_redis_up", 1, 0), hosts=1),
    "Redis is down": fires(
        "RedisDown",
        1,
        gauge("evergreen_redis_up", 1, 0)
        | gauge("evergreen_statistics_up", 1, 0)
        | gauge('evergreen_breaker_open{name="default"}', 0, 1)
        | gauge(f"evergreen_job_last_run_failed{{{JOB}}}", 0, 1)
        | gauge("evergreen_outbox_oldest_seconds", 0, 90)
        | {
            name: then(WELL[name], nothing)
            for name in (
                "evergreen_worker_heartbeat_age_seconds",
                "evergreen_beat_heartbeat_age_seconds",
                "evergreen_refresh_backlog",
                "evergreen_processes_deaf",
                "evergreen_releases",
                "evergreen_redis_memory_bytes",
            )
        },
    ),
    "the database is down": fires(
        "DatabaseDown",
        1,
        gauge("evergreen_database_up", 1, 0)
        | gauge(f"evergreen_job_last_run_failed{{{JOB}}}", 0, 1)
        | {"evergreen_outbox_oldest_seconds": then(constant(0), nothing)},
    ),
    "nobody relays": fires("OutboxBehind", 1, gauge("evergreen_outbox_oldest_seconds", 0, 31)),
    "an entry differs": fires(
        "InconsistentEntries", 0.25, {'evergreen_inconsistent_entries_total{tier="shared"}': faster(0, 0.01)}
    ),
    "sums cannot be read": fires("StatisticsMissing", 5, gauge("evergreen_statistics_up", 1, 0)),
    "the workers hang": fires("WorkerDown", 2, gauge("evergreen_worker_heartbeat_age_seconds", 4, 61)),
    "no worker has been heard for long": fires(
        "WorkerDown", 7, {"evergreen_worker_heartbeat_age_seconds": then(constant(4), nothing)}
    ),
    "beat hangs": fires("BeatDown", 2, gauge("evergreen_beat_heartbeat_age_seconds", 4, 61)),
    "a job fails": fires("JobFailed", 10, gauge(f"evergreen_job_last_run_failed{{{JOB}}}", 0, 1)),
    "a job does not run": fires(
        "JobOverdue",
        7.5,
        {f"evergreen_job_last_success_timestamp_seconds{{{JOB}}}": then(clock(5), constant(BREAKS * 60 - 5))},
    ),
    "many misses": fires("HitRatioLow", 15, {requests(200, "miss"): faster(3, 300)}),
    "the hot set is stale": fires("CoverageLow", 15, coverage(899)),
    "entries wait": fires("BacklogGrowing", 15, gauge("evergreen_refresh_backlog", 3, 101)),
    "tasks wait": fires("BacklogGrowing", 15, gauge('evergreen_queue_length{queue="refresh"}', 1, 101)),
    "the CDN refuses": fires("CdnBehind", 5, gauge("evergreen_cdn_lag_seconds", 0, 61)),
    "a process is deaf": fires("ProcessDeaf", 1, gauge("evergreen_processes_deaf", 0, 1), hosts=1),
    "a breaker is open": fires("BreakerOpen", 2, gauge('evergreen_breaker_open{name="default"}', 0, 1), hosts=1),
    "Redis is nearly full": fires("RedisMemoryFull", 10, gauge("evergreen_redis_memory_bytes", 80e6, 91e6)),
    "Redis evicts": fires("Evictions", 10, {"evergreen_redis_evicted_total": faster(0, 1)}),
    "two releases serve": fires("ReleaseMixed", 60, gauge("evergreen_releases", 1, 2)),
    # --- and what is no fault -----------------------------------------------------------------------
    "all is well": fires("", 0, {}),
    "a process waits to become ready": fires("", 0, {requests(503, "none"): faster(0, 10)}),
    "errors are few": fires("", 0, {requests(500, "miss"): faster(0, 1)}),
    "few readers wait long": fires(
        "", 0, SLOW_WAITS | {f"{WAITS}_count": faster(3, 1), requests(200, "miss"): faster(3, 1)}
    ),
    "a quiet site misses": fires(
        "",
        0,
        {requests(200, name): faster(rate, 0.1) for name, rate in (("hit", 95), ("stale", 2), ("miss", 3))}
        | {requests(304, "hit"): faster(10, 0), requests(404, "pass"): faster(1, 0)}
        | {bucket(WAITS, le): faster(3, 0) for le in ("0.1", "1.0", "5.0", "+Inf")}
        | {f"{WAITS}_count": faster(3, 0)},
    ),
    "slow responses that nobody waited for": fires("", 0, {bucket(DURATIONS, "0.1"): faster(110, 60)}),
    "one of two workers is old": fires("", 0, gauge("evergreen_worker_heartbeat_age_seconds", 4, 300), hosts=1),
    "a backlog that workers empty now and then": fires(
        "", 0, {"evergreen_refresh_backlog": lambda step: 0 if step % 20 == 0 else 5000}
    ),
    "tasks wait for workers that are down": fires(
        "WorkerDown",
        2,
        gauge("evergreen_worker_heartbeat_age_seconds", 4, 1e4)
        | gauge('evergreen_queue_length{queue="refresh"}', 1, 500)
        | {f"evergreen_job_last_success_timestamp_seconds{{{JOB}}}": then(clock(5), constant(BREAKS * 60 - 5))},
    ),
    "no bound of memory": fires("", 0, gauge("evergreen_redis_memory_limit_bytes", 0, 0)),
    "a paused job": fires(
        "",
        0,
        {
            f"evergreen_job_interval_seconds{{{JOB}}}": then(constant(5), nothing),
            f"evergreen_job_last_success_timestamp_seconds{{{JOB}}}": then(clock(5), constant(BREAKS * 60 - 5)),
        },
    ),
    "a site without Redis": fires("", 0, {"evergreen_redis_up": nothing, "evergreen_statistics_up": nothing}),
    "counters begin anew": fires(
        "", 0, {requests(200, "hit"): then(counter(95), lambda step: 95 * 30 * (step - 40))}
    ),
}


def test_the_rules_and_the_example_are_valid():
    promtool("check", "rules", RULES.name)
    promtool("check", "config", "prometheus.yml")


def test_exactly_the_alerts_of_each_fault_fire_and_not_before_their_time(tmp_path):
    file = tmp_path / "tests.yml"
    file.write_text(yaml.safe_dump(alert_file(FAULTS, str(RULES))))
    promtool("test", "rules", str(file))


def test_each_alert_has_a_fault():
    assert {name for fault in FAULTS.values() for name in fault.alerts} == set(alerts())


@pytest.mark.parametrize("name", sorted(alerts()))
def test_each_alert_says_how_bad_it_is_and_what_to_do(name):
    alert = alerts()[name]
    assert alert["labels"]["severity"] in ("page", "ticket")
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    page = FOLDER.parents[1] / alert["annotations"]["runbook_url"]
    assert page.stem == re.sub(r"(?<=[a-z])(?=[A-Z0-9])", "-", name).lower()
    text = page.read_text()
    assert f"`{name}`" in text.partition("\n## ")[0]
    for heading in ("What it means", "Where to look", "What to do", "How to see that it is over"):
        assert f"\n## {heading}\n" in text, heading


def test_each_runbook_is_of_an_alert_and_in_the_index():
    pages = {page.name for page in RUNBOOKS.glob("*.md")} - {"README.md"}
    assert pages == {alert["annotations"]["runbook_url"].rpartition("/")[2] for alert in alerts().values()}
    index = (RUNBOOKS / "README.md").read_text()
    assert {page for page in pages if f"({page})" not in index} == set()
    assert {name for name in alerts() if f"`{name}`" not in index} == set()
