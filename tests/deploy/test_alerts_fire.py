"""A real Prometheus beside a real service: a broken part fires its alert, and a service that is well fires none."""

import time
from contextlib import suppress

import pytest

from tests.support.alerts.faults import BREAKS, Break
from tests.support.alerts.plant import Plant, running_plant
from tests.support.alerts.prometheus import Prometheus, running_prometheus
from tests.support.alerts.rules import alerts
from tests.support.wait import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

# Thresholds that a test cannot wait for, or reach. Workers and beat are heard every five seconds.
SHORTER = {
    "age_seconds:min < 60": "age_seconds:min < 25",
    "oldest_seconds) > 30": "oldest_seconds) > 5",
    "lag_seconds) > 60": "lag_seconds) > 25",
    "backlog[15s])) > 100": "backlog[15s])) > 8",
    "length[15s])) > 100": "length[15s])) > 8",
    "_interval_seconds) + 120": "_interval_seconds) + 3",
}
# Seconds that a service must be well, and within which an alert fires and ends. A job that failed in a fault counts
# as failed until it runs again, which may take minutes.
WELL, FIRES, ENDS = 15.0, 120.0, 400.0


@pytest.fixture(scope="module")
def plant(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plant") / "state"
    folder.mkdir()
    with running_plant(folder) as running:
        yield running


@pytest.fixture(scope="module")
def prometheus(plant: Plant):
    with running_prometheus([f"127.0.0.1:{plant.port}"], SHORTER) as running:
        wait_until_well(running, "it started")
        yield running


def wait_until_well(prometheus: Prometheus, when: str) -> None:
    """No alert has fired, nor was about to, for WELL seconds."""
    well_since, left = float("inf"), set[str]()

    def is_well() -> bool:
        nonlocal well_since, left
        left = set(prometheus.names("firing", "pending"))
        is_quiet = prometheus.value("up") == 1 and not left
        well_since = min(well_since, time.monotonic()) if is_quiet else float("inf")
        return time.monotonic() - well_since > WELL

    wait_until(is_well, lambda: f"all is well after {when}, but for {left or 'the target'}", ENDS, pause=0.5)


def test_none_fires_while_all_is_well_under_traffic(plant: Plant, prometheus: Prometheus):
    wait_until_well(prometheus, "some traffic")
    assert prometheus.unhealthy_rules() == []
    assert (prometheus.value("job:evergreen_requests:rate5m") or 0) > 5


@pytest.mark.parametrize("case", BREAKS, ids=lambda case: case.alert)
def test_each_fault_fires_its_alert_and_none_but_what_follows(plant: Plant, prometheus: Prometheus, case: Break):
    seen, said = set[str](), list[str]()

    def fires() -> bool:
        seen.update(prometheus.names("firing"))
        return case.alert in seen

    with case.fault(plant), suppress(AssertionError):
        # The fault is mended in any case: the next test needs the service.
        wait_until(fires, f"{case.alert} fires", FIRES, pause=0.5)
        said.extend(str(each["annotations"]) for each in prometheus.alerts())
    # The next test begins when all is well, whatever this one has found.
    wait_until_well(prometheus, case.alert)
    assert case.alert in seen
    assert not [text for text in said if "error expanding" in text or "<no value>" in text]
    assert seen - case.follows - {case.alert} == set()


def test_each_alert_is_fired_by_a_fault():
    assert sorted(case.alert for case in BREAKS) == sorted(alerts())
