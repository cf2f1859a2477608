"""Series of a service that is well, with one fault from a minute on, as promtool's tests have them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

# Seconds between two samples. A fault begins at the minute BREAKS, and lasts for LASTS minutes or longer.
STEP, BREAKS, LASTS = 30, 20, 20
# Minutes before an alert's time in which it does not fire yet, and after it until it does.
MARGIN = 1.5
HOSTS = ("web-1:8000", "web-2:8000")

# Samples by the number of the step; None: no sample.
Value = Callable[[int], float | None]


def counter(a_second: float) -> Value:
    return lambda step: a_second * STEP * step


def constant(value: float) -> Value:
    return lambda step: value


def clock(behind: float = 0.0) -> Value:
    """A time in Unix seconds: promtool's begins at 0."""
    return lambda step: step * STEP - behind


def is_broken(step: int) -> bool:
    return step * STEP >= BREAKS * 60


def then(before: Value, after: Value) -> Value:
    return lambda step: after(step) if is_broken(step) else before(step)


def faster(before: float, after: float) -> Value:
    """A counter that grows by so many a second."""
    turn = BREAKS * 60 // STEP
    return lambda step: STEP * (before * min(step, turn) + after * max(0, step - turn))


def nothing(step: int) -> None:
    return None


def requests(status: int, cache: str) -> str:
    return f'evergreen_requests_total{{status="{status}",cache="{cache}"}}'


def bucket(name: str, le: str) -> str:
    return f'{name}_bucket{{le="{le}"}}'


WAITS, DURATIONS = "evergreen_reader_wait_seconds", "evergreen_request_duration_seconds"
JOB = 'job="write views"'

# A host that is well, under traffic.
WELL: Mapping[str, Value] = {
    "up": constant(1),
    requests(200, "hit"): counter(95),
    requests(200, "stale"): counter(2),
    requests(200, "miss"): counter(3),
    requests(304, "hit"): counter(10),
    requests(404, "pass"): counter(1),
    requests(500, "miss"): counter(0),
    requests(500, "pass"): counter(0),
    requests(503, "none"): counter(0),
    bucket(DURATIONS, "0.001"): counter(98),
    bucket(DURATIONS, "0.1"): counter(110),
    bucket(DURATIONS, "+Inf"): counter(111),
    bucket(WAITS, "0.1"): counter(2.9),
    bucket(WAITS, "1.0"): counter(3),
    bucket(WAITS, "5.0"): counter(3),
    bucket(WAITS, "+Inf"): counter(3),
    f"{WAITS}_count": counter(3),
    "evergreen_redis_up": constant(1),
    "evergreen_database_up": constant(1),
    "evergreen_statistics_up": constant(1),
    "evergreen_worker_heartbeat_age_seconds": constant(4),
    "evergreen_beat_heartbeat_age_seconds": constant(4),
    f"evergreen_job_last_run_failed{{{JOB}}}": constant(0),
    f"evergreen_job_last_success_timestamp_seconds{{{JOB}}}": clock(5),
    f"evergreen_job_interval_seconds{{{JOB}}}": constant(5),
    "evergreen_outbox_oldest_seconds": constant(0),
    "evergreen_refresh_backlog": constant(3),
    'evergreen_queue_length{queue="refresh"}': constant(1),
    'evergreen_queue_length{queue="warm"}': constant(2),
    "evergreen_cdn_lag_seconds": constant(0),
    "evergreen_processes_deaf": constant(0),
    "evergreen_releases": constant(1),
    'evergreen_breaker_open{name="default"}': constant(0),
    "evergreen_redis_memory_bytes": constant(80e6),
    "evergreen_redis_memory_limit_bytes": constant(100e6),
    "evergreen_redis_evicted_total": counter(0),
    'evergreen_verified_entries_total{tier="shared"}': counter(2),
    'evergreen_inconsistent_entries_total{tier="shared"}': counter(0),
    'evergreen_coverage_fresh{set="1000",tier="shared",resource="post",page=""}': constant(980),
    'evergreen_coverage_entries{set="1000",tier="shared",resource="post",page=""}': constant(1000),
}


@dataclass(frozen=True)
class Fault:
    """What is wrong from BREAKS on, on how many hosts; and the alerts that fire after so many minutes, or none."""

    series: Mapping[str, Value]
    alerts: frozenset[str] = frozenset()
    after: float = 0.0
    hosts: int = 2

    @property
    def end(self) -> float:
        return BREAKS + max(LASTS, self.after + 5)


def alert_file(cases: Mapping[str, Fault], rules: str) -> dict[str, Any]:
    """A file for `promtool test rules`: before and after each fault, exactly these alerts fire."""
    return {
        "rule_files": [rules],
        "evaluation_interval": f"{STEP}s",
        "tests": [_test(name, fault) for name, fault in cases.items()],
    }


def _test(name: str, fault: Fault) -> dict[str, Any]:
    series = [
        {"series": with_target(key, host), "values": samples(value, fault.end)}
        for number, host in enumerate(HOSTS)
        for key, value in (dict(WELL) | (dict(fault.series) if number < fault.hosts else {})).items()
    ]
    expected = [(BREAKS - 1.0, frozenset[str]()), (fault.end - 1.0, fault.alerts)]
    if fault.after:
        early, late = max(0.0, fault.after - MARGIN), fault.after + MARGIN
        expected += [(BREAKS + early, frozenset()), (BREAKS + late, fault.alerts)]
    return {
        "name": name,
        "interval": f"{STEP}s",
        "input_series": series,
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"}) > bool 0',
                "eval_time": f"{round(minute * 60)}s",
                "exp_samples": [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in sorted(fired)],
            }
            for minute, fired in expected
        ],
    }


def with_target(name: str, host: str) -> str:
    """With the labels that Prometheus gives: its own `job` wins over that of a metric."""
    metric, _, labels = name.rstrip("}").partition("{")
    own = labels.replace('job="', 'exported_job="')
    return f'{metric}{{{own + "," if own else ""}job="evergreen",instance="{host}"}}'


def samples(value: Value, minutes: float) -> str:
    numbers = (value(step) for step in range(round(minutes * 60 / STEP)))
    return " ".join("_" if number is None else f"{number:.6g}" for number in numbers)
