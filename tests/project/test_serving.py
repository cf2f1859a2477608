"""`manage.py serve`: workers that come and go, and readers who do not notice."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.readers import run_readers
from tests.support.servers.process import free_port
from tests.support.service import ROOT, Service, environment_of, make_tables, parents, running_service
from tests.support.wait import wait_until, wait_until_async

SERVING = "Serving on"
RESTARTED = "Restarted:"
SITE = {"CACHE_URL": "locmem://serving", "SECRET_KEY": "for tests only"}


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory):
    """Tables, once for all."""
    folder = tmp_path_factory.mktemp("serving") / "state"
    folder.mkdir()
    make_tables(folder)
    return folder


def serving(state_dir: Path, *arguments: str, environment: dict[str, str] | None = None, **options):
    return running_service(state_dir, *arguments, command="serve", environment=SITE | (environment or {}), **options)


@pytest.fixture(scope="module")
def service(state_dir):
    """Two workers. Tests restart and kill them, and leave two."""
    with serving(state_dir, "--workers", "2") as running:
        running.wait_for_line(SERVING)
        yield running


def workers(service: Service) -> set[int]:
    return {pid for pid, command in service.descendants().items() if "worker_main" in command}


def told(service: Service, words: str) -> int:
    return sum(words in line for line in service.lines)


def hang_up(service: Service) -> None:
    service.process.send_signal(signal.SIGHUP)


async def restarted(service: Service) -> None:
    times = told(service, RESTARTED)
    hang_up(service)
    await wait_until_async(lambda: told(service, RESTARTED) > times, "the restart is told")


# --- from start to end ---------------------------------------------------------------------------------


def test_it_is_told_in_one_line_when_all_are_ready(service):
    assert re.search(
        rf" INFO serve: {SERVING} {service.url} with 2 workers \(\d+, \d+\)\.$", service.wait_for_line(SERVING)
    )
    assert roll_call(service) == workers(service)
    with service.client() as client:
        assert client.get("/").status_code == 200


def test_the_parent_holds_no_django(service):
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
        await restarted(service)
        await crowd.wait_for_answers(100)
    assert crowd.failures == []
    assert workers(service).isdisjoint(before)
    assert len(workers(service)) == 2


@pytest.mark.slow
def test_however_often_it_is_asked_during_a_restart_one_follows(service):
    done = told(service, RESTARTED)
    begun = told(service, "Restarting")
    hang_up(service)
    wait_until(lambda: told(service, "Restarting") > begun, "the first has begun")
    for _ in range(3):
        hang_up(service)
    wait_until(lambda: told(service, RESTARTED) == done + 2, "the second is done")
    hang_up(service)
    wait_until(lambda: told(service, RESTARTED) == done + 3, "what was asked later is a restart of its own")
    assert told(service, "Restarting") == begun + 3


def test_a_worker_that_is_killed_is_replaced(service):
    killed = min(workers(service))
    os.kill(killed, signal.SIGKILL)
    service.wait_for_line(f"Worker {killed} was killed by SIGKILL; another takes its place.")
    wait_until(lambda: len(workers(service)) == 2, "there are two again")
    assert killed not in workers(service)
    assert children_in_any_state(service) == workers(service), "a zombie is left"


@pytest.mark.slow
def test_workers_that_die_while_a_successor_starts_have_one_successor_each(service):
    done = told(service, RESTARTED)
    before = workers(service)
    hang_up(service)
    wait_until(lambda: len(workers(service)) == 3, "a successor starts")
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: told(service, RESTARTED) > done, "the restart is told")
    assert children_in_any_state(service) == roll_call(service)


def roll_call(service: Service) -> set[int]:
    """The workers that the last line with their numbers has told."""
    return {int(pid) for pid in re.findall(r"workers? \(([\d, ]+)\)", service.terminal)[-1].split(", ")}


def children_in_any_state(service: Service) -> set[int]:
    task = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children")
    return set(map(int, task.read_text().split()))


def test_signals_of_the_terminal_are_the_parents_alone(service):
    """Ctrl-C and a hangup reach all processes of a terminal."""
    before = workers(service)
    for pid in before:
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGHUP)
    with service.client() as client:
        assert client.get("/").status_code == 200
    assert workers(service) == before


# --- with one worker -----------------------------------------------------------------------------------


async def test_what_a_worker_has_begun_it_finishes(state_dir):
    with serving(state_dir) as service:
        service.wait_for_line(SERVING)
        [old] = workers(service)
        reader, writer = await begun_request(service)
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


async def test_the_second_signal_hastens(state_dir):
    with serving(state_dir) as service:
        service.wait_for_line(SERVING)
        reader, writer = await begun_request(service)
        service.process.terminate()
        await asyncio.to_thread(service.wait_for_line, "Ending.")
        service.process.terminate()
        assert await asyncio.to_thread(service.wait) == 0
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b"", "the request was finished after all"
        writer.close()
    assert nobody_listens(service.port)


async def begun_request(service: Service) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A form of which two bytes of four are sent: the site is at work on it, and waits for the rest."""
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


def nobody_listens(port: int) -> bool:
    return not listening(port)


def listening(port: int) -> list[str]:
    """The inodes of the sockets that listen there, whoever holds them."""
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return [row[9] for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")]


def test_a_parent_that_is_killed_takes_its_workers_along(state_dir):
    with serving(state_dir) as service:
        service.wait_for_line(SERVING)
        [worker] = workers(service)
        service.process.kill()
        wait_until(lambda: worker not in dict(parents()), "the worker is gone")
        service.wait()
    assert nobody_listens(service.port)


def test_a_parent_that_is_killed_takes_along_a_worker_that_never_ends_to_load(state_dir, tmp_path):
    (tmp_path / "endless.py").write_text(ENDLESS)
    environment = settings_of_the_test(tmp_path, "MIDDLEWARE = [*MIDDLEWARE, 'endless.Middleware']")
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


def test_a_terminal_that_is_closed_ends_all(state_dir):
    """To an operator a SIGHUP is a restart. To whoever closes the window it is the end."""
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
        wait_until(lambda: nobody_listens(port), "nobody serves")


# --- what cannot start ---------------------------------------------------------------------------------


def test_what_can_never_start_ends_with_its_reason(state_dir, tmp_path):
    environment = settings_of_the_test(tmp_path, BROKEN)
    with serving(state_dir, "--workers", "2", environment=environment) as service:
        assert service.wait() == 1
    assert "No module named 'nowhere'" in service.terminal
    assert service.lines[-1].endswith(
        "ended with status 1 before it was ready (its lines are above), 3 times in a row, and none serves."
    )
    assert told(service, "another is started") == 2
    assert nobody_listens(service.port)


@pytest.mark.slow
async def test_a_version_that_cannot_start_leaves_the_old_one_serving(state_dir, tmp_path):
    with serving(state_dir, environment=settings_of_the_test(tmp_path)) as service:
        service.wait_for_line(SERVING)
        old = workers(service)
        async with run_readers(service.port, "/", readers=2) as crowd:
            settings_of_the_test(tmp_path, BROKEN)
            hang_up(service)
            await asyncio.to_thread(
                service.wait_for_line, "the restart is given up, and who serves serves on (0 of them"
            )
            await crowd.wait_for_answers(20)
            assert workers(service) == old
            settings_of_the_test(tmp_path)
            await restarted(service)
            await crowd.wait_for_answers(20)
        assert workers(service).isdisjoint(old)
        assert "No module named 'nowhere'" in service.terminal


async def test_a_restart_reads_the_env_file_anew(state_dir, tmp_path):
    """A changed line, and one that is gone."""
    file = tmp_path / ".env"
    environment = settings_of_the_test(tmp_path)
    (tmp_path / "version.py").write_text(
        "from pathlib import Path\nfrom project import environment\nread = environment.read_environment\n"
        f"environment.read_environment = lambda path: read(Path({os.fspath(file)!r}))\n"
        "from project.settings import *\n"
    )
    file.write_text("ALLOWED_HOSTS=one.example\n")
    with serving(state_dir, environment=environment) as service:
        service.wait_for_line(SERVING)
        assert statuses(service) == {"one.example": 200, "two.example": 400, "localhost": 400}
        file.write_text("ALLOWED_HOSTS=two.example\n")
        await restarted(service)
        assert statuses(service) == {"one.example": 400, "two.example": 200, "localhost": 400}
        file.write_text("")
        await restarted(service)
        assert statuses(service) == {"one.example": 400, "two.example": 400, "localhost": 200}


def statuses(service: Service) -> dict[str, int]:
    with service.client() as client:
        hosts = ("one.example", "two.example", "localhost")
        return {host: client.get("/", headers={"Host": host}).status_code for host in hosts}


BROKEN = "MIDDLEWARE = [*MIDDLEWARE, 'nowhere.Middleware']"


def settings_of_the_test(folder: Path, line: str = "") -> dict[str, str]:
    """A version of the site; its environment."""
    (folder / "version.py").write_text(f"from project.settings import *\n{line}\n")
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    return {"DJANGO_SETTINGS_MODULE": "version", "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


# --- the socket, TLS and the rest ----------------------------------------------------------------------


def test_a_port_in_use_is_one_sentence(state_dir):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with serving(state_dir, "--port", str(port)) as service:
            assert service.wait() == 1
    assert service.lines[-1] == (
        f"Port {port} of 127.0.0.1 cannot be used (Address already in use): choose another with --port."
    )


def test_a_socket_that_is_open_already_is_served(state_dir):
    with (
        socket.create_server(("127.0.0.1", 0)) as given,
        serving(state_dir, "--fd", str(given.fileno()), "--access-log", pass_fds=(given.fileno(),)) as service,
    ):
        service.wait_for_line(SERVING)
        url = f"http://127.0.0.1:{given.getsockname()[1]}"
        assert httpx.get(f"{url}/").status_code == 200
        service.wait_for_line('"GET / HTTP/1.1" 200')


async def test_tls_and_a_certificate_that_is_renewed(state_dir, tmp_path):
    certificate = tmp_path / "site.pem"
    make_certificate(certificate)
    with serving(state_dir, "--certfile", str(certificate)) as service:
        assert f"https://127.0.0.1:{service.port}" in service.wait_for_line(SERVING)
        first = ssl.get_server_certificate(("127.0.0.1", service.port))
        certificate.write_text("half a cert")
        hang_up(service)
        await asyncio.to_thread(service.wait_for_line, "the restart is given up")
        assert ssl.get_server_certificate(("127.0.0.1", service.port)) == first
        make_certificate(certificate)
        await restarted(service)
        assert ssl.get_server_certificate(("127.0.0.1", service.port)) != first


def make_certificate(file: Path) -> None:
    """With its key in the same file."""
    words = "openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj /CN=site -days 2"
    made = subprocess.run([*words.split(), "-keyout", "/dev/stdout"], capture_output=True, check=True)
    file.write_bytes(made.stdout)
