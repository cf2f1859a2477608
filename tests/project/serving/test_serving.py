"""`manage.py serve`: workers end and restart, and no reader notices."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.serving.conftest import (
    RESTARTED,
    SERVING,
    SITE,
    count_lines,
    hang_up,
    listening,
    nobody_listens,
    restart,
    serving,
    workers,
    write_settings,
)
from tests.support.readers import run_readers
from tests.support.running_process import parents
from tests.support.servers.process import free_port
from tests.support.service import ROOT, Service, environment_of
from tests.support.wait import wait_until, wait_until_async

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def service(state_dir):
    """Two workers. Each test may restart or kill them, and leaves two."""
    with serving(state_dir, "--workers", "2") as running:
        running.wait_for_line(SERVING)
        yield running


# --- from start to end ---------------------------------------------------------------------------------


def test_one_line_is_logged_when_all_workers_are_ready(service):
    assert re.search(
        rf" INFO serve: {SERVING} {service.url} with 2 workers \(\d+, \d+\)\.$", service.wait_for_line(SERVING)
    )
    assert logged_workers(service) == workers(service)
    with service.client() as client:
        assert client.get("/").status_code == 200


def test_the_parent_does_not_load_django(service):
    maps = Path(f"/proc/{service.process.pid}/maps").read_text()
    assert "project.serving" in command_of(service)
    assert "uvloop" not in maps
    assert "_sqlite3" not in maps


def command_of(service: Service) -> str:
    return Path(f"/proc/{service.process.pid}/cmdline").read_text()


async def test_a_restart_under_load_fails_no_request(service):
    before = workers(service)
    async with run_readers(service.port, "/", readers=8) as crowd:
        await crowd.wait_for_answers(100)
        await restart(service)
        await crowd.wait_for_answers(100)
    assert crowd.failures == []
    assert workers(service).isdisjoint(before)
    assert len(workers(service)) == 2


@pytest.mark.slow
def test_requests_during_a_restart_cause_one_more(service):
    done = count_lines(service, RESTARTED)
    begun = count_lines(service, "Restarting")
    hang_up(service)
    wait_until(lambda: count_lines(service, "Restarting") > begun, "the first has begun")
    for _ in range(3):
        hang_up(service)
    wait_until(lambda: count_lines(service, RESTARTED) == done + 2, "the second is done")
    hang_up(service)
    wait_until(lambda: count_lines(service, RESTARTED) == done + 3, "a later request is a restart of its own")
    assert count_lines(service, "Restarting") == begun + 3


def test_a_worker_that_is_killed_is_replaced(service):
    killed = min(workers(service))
    os.kill(killed, signal.SIGKILL)
    service.wait_for_line(f"Worker {killed} was killed by SIGKILL; another takes its place.")
    wait_until(lambda: len(workers(service)) == 2, "there are two again")
    assert killed not in workers(service)
    assert children_in_any_state(service) == workers(service), "a zombie is left"


@pytest.mark.slow
def test_workers_that_die_while_a_successor_starts_have_one_successor_each(service):
    done = count_lines(service, RESTARTED)
    before = workers(service)
    hang_up(service)
    wait_until(lambda: len(workers(service)) == 3, "a successor starts")
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: count_lines(service, RESTARTED) > done, "the restart is logged")
    assert children_in_any_state(service) == logged_workers(service)


def logged_workers(service: Service) -> set[int]:
    """The process ids in the last line that lists workers."""
    return {int(pid) for pid in re.findall(r"workers? \(([\d, ]+)\)", service.terminal)[-1].split(", ")}


def children_in_any_state(service: Service) -> set[int]:
    task = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children")
    return set(map(int, task.read_text().split()))


def test_only_the_parent_acts_on_terminal_signals(service):
    """A terminal sends Ctrl-C and its hangup to all its processes."""
    before = workers(service)
    for pid in before:
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGHUP)
    with service.client() as client:
        assert client.get("/").status_code == 200
    assert workers(service) == before


# --- with one worker -----------------------------------------------------------------------------------


async def test_an_ending_worker_finishes_its_requests(state_dir):
    with serving(state_dir) as service:
        service.wait_for_line(SERVING)
        [old] = workers(service)
        reader, writer = await begin_request(service)
        hang_up(service)
        await wait_until_async(lambda: not listens(old, service.port), "the old one accepts no more")
        assert len(workers(service)) == 2
        writer.write(b"56")
        answer = (await reader.read()).lower()
        writer.close()
        assert answer.startswith(b"http/1.1 403 ")
        assert b"\r\nconnection: close\r\n" in answer
        await asyncio.to_thread(service.wait_for_line, RESTARTED)
        assert old not in workers(service)
        assert service.interrupt() == 0


async def test_the_second_signal_ends_workers_at_once(state_dir):
    with serving(state_dir) as service:
        service.wait_for_line(SERVING)
        reader, writer = await begin_request(service)
        service.process.terminate()
        await asyncio.to_thread(service.wait_for_line, "Ending.")
        service.process.terminate()
        assert await asyncio.to_thread(service.wait) == 0
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b"", "the request was finished after all"
        writer.close()
    assert nobody_listens(service.port)


async def begin_request(service: Service) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send two of the four bytes of a form. The site waits for the rest."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(
        b"POST /admin/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
    )
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"12")
    return reader, writer


def listens(pid: int, port: int) -> bool:
    """Whether that process holds the socket that listens there."""
    try:
        held = {os.readlink(descriptor) for descriptor in Path(f"/proc/{pid}/fd").iterdir()}
    except OSError:
        return False
    return not held.isdisjoint(f"socket:[{inode}]" for inode in listening(port))


def test_workers_end_with_a_killed_parent(state_dir):
    with serving(state_dir) as service:
        service.wait_for_line(SERVING)
        [worker] = workers(service)
        service.process.kill()
        wait_until(lambda: worker not in dict(parents()), "the worker is gone")
        service.wait()
    assert nobody_listens(service.port)


@pytest.mark.slow
def test_a_worker_that_is_still_loading_ends_with_a_killed_parent(state_dir, tmp_path):
    (tmp_path / "endless.py").write_text(ENDLESS)
    environment = write_settings(tmp_path, "MIDDLEWARE = [*MIDDLEWARE, 'endless.Middleware']")
    with serving(state_dir, environment=environment) as service:
        service.wait_for_line("loading for ever")
        [worker] = workers(service)
        service.process.kill()
        wait_until(lambda: worker not in dict(parents()), "the worker is gone")
        service.wait()


ENDLESS = """
import sys, time
if "project.asgi" in sys.modules:  # in a worker, then, and not in the checks of the command
    print("loading for ever", flush=True)
    time.sleep(3600)
"""


def test_closing_the_terminal_ends_the_service(state_dir):
    """A closed terminal sends SIGHUP too, which is a restart otherwise."""
    port = free_port()
    terminal = subprocess.Popen(
        [
            *(sys.executable, "-c", "import pty, sys; pty.spawn(sys.argv[1:])"),
            *(sys.executable, str(ROOT / "manage.py"), "serve", "--port", str(port)),
        ],
        env=environment_of(state_dir) | SITE,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    with terminal:
        assert any(SERVING in line for line in terminal.stdout)
        terminal.kill()
        wait_until(lambda: nobody_listens(port), "no process serves")
