"""`make fleet`: up by one command, a page through all its servers, the doctor, and an end without leftovers."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from project.fleet.control import read_state
from project.fleet.fleet import is_listening
from project.fleet.layout import PORTS
from tests.support.fleet import RunningFleet, fleet_folder, running_fleet
from tests.support.running_process import command_line
from tests.support.wait import wait_until

# A fleet takes minutes to start on a machine that is busy.
pytestmark = pytest.mark.timeout(900)
PARTS = ("postgres", "redis-cache", "redis-log", "web1", "web2", "worker1", "worker2", "beat", "varnish", "nginx")


@pytest.mark.slow
def test_a_fleet_serves_a_page_and_ends_without_leftovers():
    """The page passes nginx with TLS, Varnish and a web host. The doctor finds nothing."""
    with running_fleet("--workers", "1") as fleet:
        with fleet.client() as client:
            page = client.get("/")
            assert page.status_code == 200
            assert page.headers["server"] == "nginx"
            assert "varnish" in page.headers["via"]
            assert page.headers["cache-status"].startswith("Evergreen")
            style = next(word for word in page.text.split('"') if word.startswith("/static/"))
            assert "immutable" in client.get(style).headers["cache-control"]
        # Beat has not sent a task yet.
        wait_until(lambda: fleet.manage("doctor").returncode == 0, "the doctor finds nothing")
        processes, sockets = fleet.descendants(), Path(read_state(fleet.state)["control"]).parent
        assert len(processes) > len(PARTS)
        assert sockets.is_dir()
        assert fleet.interrupt() == 0
        assert fleet.lines[-1] == "Ended."
        assert "Killed" not in fleet.terminal
        assert {pid for pid, line in processes.items() if command_line(pid) == line} == set()
        assert not sockets.exists()
        assert [name for name in PORTS if is_listening(fleet.port_of(name))] == []
        assert not (fleet.state / "fleet.json").exists()


def test_a_port_in_use_is_named_before_anything_starts():
    with fleet_folder() as folder, socket.create_server(("127.0.0.1", 0)) as taken:
        fleet = RunningFleet(folder, "--port", str(taken.getsockname()[1]))
        assert fleet.wait() == 1
        assert "cannot be used" in fleet.terminal
        assert list(folder.iterdir()) == []


@pytest.fixture(scope="module")
def shared() -> Iterator[RunningFleet]:
    with running_fleet("--workers", "1") as fleet:
        yield fleet


@pytest.mark.slow
def test_two_fleets_run_side_by_side(shared):
    with running_fleet("--workers", "1") as other:
        for fleet in (shared, other):
            with fleet.client() as client:
                assert client.get("/").status_code == 200
        processes = other.descendants()
        assert set(processes).isdisjoint(shared.descendants())
        assert other.interrupt() == 0
        assert {pid for pid, line in processes.items() if command_line(pid) == line} == set()
    with shared.client() as client:
        assert client.get("/").status_code == 200
    wait_until(lambda: shared.manage("doctor").returncode == 0, "the doctor finds nothing")


@pytest.mark.slow
def test_a_part_that_is_killed_runs_again_and_one_that_is_stopped_does_not(shared):
    before = shared.pid_of("redis-cache")
    shared.order("kill", "redis-cache")
    wait_until(lambda: shared.pid_of("redis-cache") not in (before, None), "it runs again")
    assert shared.order("stop", "redis-cache")["redis-cache"] == "stopped"
    assert not is_listening(shared.port_of("redis-cache"))
    assert shared.order("start", "redis-cache")["redis-cache"] == "running"


LOGIN = """
from django.contrib.auth.models import User
from django.test import Client
client = Client()
client.force_login(User.objects.create_superuser("ann", password="in a test"))
print(client.cookies["sessionid"].value)
"""


@pytest.mark.slow
def test_the_dashboard_is_live_through_nginx_and_varnish(shared):
    session = shared.manage("shell", "-v0", "-c", LOGIN).stdout.split()[-1]
    url = shared.url.replace("https", "wss", 1) + "/ops/live/"
    fields = {"Cookie": f"sessionid={session}"}
    with connect(url, ssl=shared.context, origin=shared.url, additional_headers=fields, max_size=2**23) as live:
        assert live.response.headers["server"] == "nginx"
        assert json.loads(live.recv(30))
    with pytest.raises(InvalidStatus), connect(url, ssl=shared.context, origin=shared.url):
        pass
