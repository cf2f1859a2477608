"""`manage.py up`: the whole service in one terminal, with one sentence for each failure."""

import contextlib
import json
import os
import re
import signal
import socket
import time
from pathlib import Path

import httpx
import pytest

from project.own_redis import find_redis_server
from tests.support.markdown import write_posts
from tests.support.servers.process import binary
from tests.support.servers.redis import running_redis
from tests.support.service import READY, Service, environment_of, manage, running_service
from tests.support.wait import wait_until

pytestmark = pytest.mark.long

PAGES = ["/", "/posts/note-9/", "/categories/news/", "/tags/green/", "/authors/ann/", "/healthz", "/readyz"]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    home = tmp_path_factory.mktemp("up")
    folder = write_posts(home / "posts", 24)
    with running_service(home / "state", "--import", str(folder), environment={"DEBUG": "1"}) as running:
        running.wait_for_line(READY)
        yield running


@pytest.mark.parametrize("path", PAGES)
def test_every_page_answers_and_a_second_read_does_no_sql(service: Service, path):
    with service.client() as client:
        assert client.get(path).status_code == 200
        second = client.get(path)
    assert second.status_code == 200
    if not path.endswith("z"):
        assert 'db;desc="0 queries"' in second.headers["Server-Timing"]


def test_with_no_reader_the_first_read_of_the_20_newest_posts_is_a_hit(service: Service):
    """No other test requests these pages, and this one requests each once."""
    service.wait_for_line("Background warming has come to the end of the site")
    with service.client() as client:
        for number in {*range(5, 25)} - {9}:
            timing = client.get(f"/posts/note-{number}/").headers["Server-Timing"]
            assert 'db;desc="0 queries"' in timing, f"note-{number}: {timing}"
            assert 'load;desc="0 loads"' in timing


def test_each_line_names_its_process(service: Service):
    names = {line.partition("|")[0].strip() for line in service.lines if "|" in line}
    assert names <= {"redis", "setup", "worker", "beat", "web"}
    assert "setup" in names


def test_the_first_password_is_shown_once(service: Service):
    assert len(re.findall(r"password '\S+'", service.terminal)) == 1


def test_redis_listens_on_a_short_socket_that_is_ours_alone(service: Service):
    command = service.descendants()[service.pid_of("redis-server")]
    assert ":0" in command or "unixsocket" in command


def test_commands_in_another_terminal_find_its_redis(service: Service):
    """They have the state folder of the service, but not its environment."""
    wait_until(lambda: {"site", "post", "listing"} <= reported_resources(service), "processes have reported")


def reported_resources(service: Service) -> set[str]:
    statistics = manage(environment_of(service.state_dir), "cache_stats", "--json")
    return {row["name"] for row in json.loads(statistics)["resources"]}


def test_a_second_service_on_one_state_folder_is_refused(service: Service):
    with running_service(service.state_dir) as second:
        assert second.wait() == 1
    assert f"process {service.process.pid}" in second.terminal
    assert len(second.lines) == 1


def test_ctrl_c_ends_everything_in_order(service: Service):
    """The last test of this service."""
    children = service.descendants()
    assert service.interrupt() == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)
    assert service.lines[-1] == "Ended."


@pytest.fixture(scope="module")
def second_service(service: Service):
    """A service on the state folder of the first."""
    if service.process.poll() is None:
        service.interrupt()
    posts = service.state_dir.parent / "posts"
    spoil_data_of_redis(service.state_dir / "redis")
    with running_service(service.state_dir, "--import", str(posts)) as running:
        running.wait_for_line(READY)
        yield running


def test_a_second_start_imports_nothing_twice_and_prints_no_password(second_service: Service):
    assert "24 unchanged" in second_service.terminal
    assert "password" not in second_service.terminal


def spoil_data_of_redis(folder: Path) -> None:
    for file in folder.rglob("*.aof"):
        file.write_bytes(b"no data of Redis")


def test_data_that_redis_cannot_read_is_set_aside(second_service: Service):
    second_service.wait_for_line("Redis cannot start with its data")
    assert any((second_service.state_dir / "redis-set-aside").iterdir())


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("redis", "redis-server"),
        ("web", "project.serving {"),
        pytest.param("beat", "workers --quiet beat", marks=pytest.mark.slow),
        pytest.param("worker", "workers --quiet worker", marks=pytest.mark.slow),
    ],
)
def test_a_child_that_dies_is_started_again_with_its_reason(second_service: Service, name, command):
    first = second_service.pid_of(command)
    os.kill(first, signal.SIGKILL)
    line = second_service.wait_for_line(f"{name} was killed by SIGKILL; it is started again")
    assert line.endswith("Its last lines:")
    wait_until(lambda: first != pid_of(second_service, command), f"another {name} runs")
    wait_until(lambda: is_ready(second_service), "the site is ready again")


def pid_of(service: Service, command: str) -> int | None:
    found = [pid for pid, words in service.descendants().items() if command in words]
    return min(found, default=None)


def is_ready(service: Service) -> bool:
    with service.client() as client, contextlib.suppress(httpx.TransportError):
        return client.get("/readyz").status_code == 200
    return False


def test_ctrl_c_ends_all_of_them_soon(second_service: Service):
    """The last test of this service. The bound of five seconds is tested by a clock in test_keeper.py."""
    children = second_service.descendants()
    began = time.monotonic()
    assert second_service.interrupt() == 0
    assert time.monotonic() - began < 20
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)


def test_a_port_in_use_is_one_sentence(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running_service(tmp_path / "state", "--port", str(port)) as service:
            assert service.wait() == 1
    assert only_line(service) == f"CommandError: Port {port} cannot be used (Address already in use): " + (
        "choose another with --port."
    )


def test_a_database_that_cannot_be_opened_is_one_sentence(tmp_path):
    url = f"sqlite:///{tmp_path}/nowhere/db.sqlite3"
    with running_service(tmp_path / "state", environment={"DATABASE_URL": url}) as service:
        assert service.wait() == 1
    assert "cannot be opened: unable to open database file. See DATABASE_URL." in only_line(service)


def test_a_redis_that_refuses_the_password_is_one_sentence_without_it(tmp_path):
    with running_redis(password="right") as server:
        url = server.url.replace("right", "wrong")
        with running_service(tmp_path / "state", environment={"REDIS_URL": url}) as service:
            assert service.wait() == 1
    assert "refuses the password in REDIS_URL." in only_line(service)
    assert "wrong" not in service.terminal


def test_a_missing_redis_is_one_sentence(tmp_path):
    with running_service(tmp_path / "state", environment={"REDIS_URL": "redis://127.0.0.1:1/0"}) as service:
        assert service.wait() == 1
    assert "127.0.0.1:1/0 (REDIS_URL) does not answer" in only_line(service)


def test_a_missing_folder_is_one_sentence(tmp_path):
    with running_service(tmp_path / "state", "--import", "nowhere") as service:
        assert service.wait() == 1
    assert only_line(service) == "CommandError: There is no nowhere to import."


def only_line(service: Service) -> str:
    [line] = service.lines
    return line


@pytest.mark.slow
def test_redis_given_by_url_is_used_and_none_is_started(tmp_path):
    folder = write_posts(tmp_path / "posts", 2)
    with (
        running_redis(password="right") as server,
        running_service(
            tmp_path / "state", "--import", str(folder), environment={"REDIS_URL": server.url}
        ) as service,
    ):
        service.wait_for_line(READY)
        assert not any("redis-server" in command for command in service.descendants().values())
        with server.client() as client:
            assert client.dbsize() > 0


def test_without_redis_server_on_path_the_bundled_one_serves(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    program = find_redis_server()
    assert Path(program).name == "redis-server"
    assert "site-packages" in program
    with running_redis() as server:
        assert server.answers()


def test_the_one_on_path_is_preferred():
    assert find_redis_server() == binary("redis-server")
