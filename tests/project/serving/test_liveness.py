"""`manage.py serve` under systemd: notices, the watchdog, and sockets that systemd has opened."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest

from project.serving.listener import open_listener
from project.serving.options import Options
from project.supervision import CannotStart
from tests.project.serving.conftest import SERVING, SITE, hang_up, serving, workers
from tests.support.service import ROOT, environment_of
from tests.support.systemd import WATCHDOG, Gate, listening_for_notices, with_socket
from tests.support.wait import wait_until

pytestmark = pytest.mark.long


@pytest.fixture
def notices(tmp_path):
    with listening_for_notices(str(tmp_path / "notify")) as opened:
        yield opened


def test_it_tells_systemd_when_it_serves_restarts_and_ends(state_dir, notices):
    with serving(state_dir, environment=notices.environment) as service:
        notices.wait_for("READY=1")
        assert httpx.get(f"{service.url}/healthz").status_code == 200
        notices.wait_for("WATCHDOG=1", 3)
        hang_up(service)
        notices.wait_for("READY=1", 2)
        service.process.send_signal(signal.SIGTERM)
        assert service.wait() == 0
    seen = [line for line in notices.read() if line in ("READY=1", "RELOADING=1", "STOPPING=1")]
    assert seen == ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]
    assert notices.count("MONOTONIC_USEC=") == 1
    assert notices.count("STATUS=Serving with 1 worker (") == 2


def test_nothing_is_sent_before_it_serves(state_dir, notices, tmp_path):
    environment = notices.environment | {"DJANGO_SETTINGS_MODULE": "nowhere"}
    with serving(state_dir, environment=environment) as service:
        assert service.wait() == 1
    assert notices.count("READY=1") == 0


def test_an_abstract_address_is_reached_too(state_dir):
    with (
        listening_for_notices(f"@evergreen-{os.getpid()}") as notices,
        serving(state_dir, environment=notices.environment),
    ):
        notices.wait_for("READY=1")


def test_a_blocked_event_loop_of_the_parent_gives_no_sign_of_life(state_dir, notices, tmp_path):
    gate = Gate(tmp_path)
    with serving(state_dir, environment=notices.environment | gate.environment) as service:
        notices.wait_for("WATCHDOG=1", 2)
        with gate.blocked(service.process.pid):
            before = notices.count("WATCHDOG=1")
            # Silence is observed: nothing else marks its end. It is twice the interval of the signs.
            time.sleep(WATCHDOG / 2)
            after = notices.count("WATCHDOG=1")
        assert after == before
        notices.wait_for("WATCHDOG=1", before + 2)


def test_a_worker_with_a_blocked_event_loop_is_replaced(state_dir, notices, tmp_path):
    gate = Gate(tmp_path)
    with serving(state_dir, environment=notices.environment | gate.environment) as service:
        service.wait_for_line(SERVING)
        (blocked,) = workers(service)
        gate.block(blocked)
        service.wait_for_line(f"The event loop of Worker {blocked} has not turned for {WATCHDOG:g} s: it is killed.")
        service.wait_for_line("was killed by SIGKILL; another takes its place.")
        wait_until(lambda: workers(service) - {blocked}, "another worker")
        with service.client() as client:
            assert client.get("/healthz").status_code == 200
        assert notices.count("STOPPING=1") == 0


def test_it_serves_the_socket_that_systemd_has_opened(state_dir):
    """The connection is made before the process is started, and waits for it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as early:
            early.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            command = with_socket(listener, sys.executable, str(ROOT / "manage.py"), "serve", "--port", "1")
            process = subprocess.Popen(
                command,
                env=environment_of(state_dir) | SITE,
                pass_fds=(listener.fileno(),),
                stdout=subprocess.PIPE,
                text=True,
            )
            try:
                assert early.recv(1024).startswith(b"HTTP/1.1 200")
                assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
                assert variables_of_workers(process.pid) == set()
            finally:
                process.terminate()
                printed, _ = process.communicate(timeout=60)
        assert f"Serving on http://127.0.0.1:{port}" in printed
        # The socket is systemd's: the next process serves it, and connections wait for it.
        assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)


def variables_of_workers(pid: int) -> set[str]:
    """The variables of socket activation that its workers have."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        children = file.read().split()
    found = set()
    for child in children:
        with open(f"/proc/{child}/environ") as file:
            found |= {line.partition("=")[0] for line in file.read().split("\0") if line.startswith("LISTEN_")}
    assert children
    return found


def test_sockets_of_another_process_are_not_taken(monkeypatch):
    monkeypatch.setenv("LISTEN_PID", "1")
    monkeypatch.setenv("LISTEN_FDS", "1")
    with open_listener(Options(port=0)) as listener:
        assert listener.getsockname()[1] > 0
    assert "LISTEN_FDS" not in os.environ


def test_two_sockets_are_refused(monkeypatch):
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDS", "2")
    with pytest.raises(CannotStart, match="systemd passes 2 sockets"):
        open_listener(Options())


@pytest.mark.slow
def test_a_restart_runs_the_release_that_a_link_names_by_then(state_dir, tmp_path):
    """As the installer lays them out: dated folders, and one link that the unit names."""
    current = tmp_path / "current"
    for name in ("first", "second"):
        copy_site(tmp_path / name)
        with (tmp_path / name / "project/asgi.py").open("a") as file:
            file.write(f"\nprint('release {name}', flush=True)\n")
    current.symlink_to("first")
    with serving(state_dir, root=current) as service:
        service.wait_for_line(SERVING)
        assert service.wait_for_line("release ") == "release first"
        (tmp_path / "next").symlink_to("second")
        (tmp_path / "next").rename(current)
        hang_up(service)
        service.wait_for_line("Restarted:")
        assert [line for line in service.lines if line.startswith("release")] == ["release first", "release second"]


def copy_site(folder) -> None:
    for name in ("project", "content", "workers"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "manage.py", folder)
