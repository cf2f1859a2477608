"""`manage.py serve`: sites that cannot start, settings that change, sockets and TLS."""

import asyncio
import os
import socket
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.project.serving.conftest import (
    BROKEN,
    SERVING,
    count_lines,
    hang_up,
    nobody_listens,
    restart,
    serving,
    workers,
    write_settings,
)
from tests.support.readers import run_readers
from tests.support.service import Service

pytestmark = pytest.mark.long

# --- what cannot start ---------------------------------------------------------------------------------


def test_a_site_that_cannot_start_ends_with_its_reason(state_dir, tmp_path):
    environment = write_settings(tmp_path, BROKEN)
    with serving(state_dir, environment=environment) as service:
        assert service.wait() == 1
    assert "No module named 'nowhere'" in service.terminal
    assert service.lines[-1].endswith(
        "ended with exit status 1 before it was ready (see its lines above), 3 times in a row, and no worker serves."
    )
    assert count_lines(service, "another is started") == 2
    assert nobody_listens(service.port)


@pytest.mark.slow
async def test_a_version_that_cannot_start_leaves_the_old_one_serving(state_dir, tmp_path):
    with serving(state_dir, environment=write_settings(tmp_path)) as service:
        service.wait_for_line(SERVING)
        old = workers(service)
        async with run_readers(service.port, "/", readers=2) as crowd:
            write_settings(tmp_path, BROKEN)
            hang_up(service)
            await asyncio.to_thread(
                service.wait_for_line, "the restart is given up; the running workers go on (0 of them"
            )
            await crowd.wait_for_answers(20)
            assert workers(service) == old
            write_settings(tmp_path)
            await restart(service)
            await crowd.wait_for_answers(20)
        assert workers(service).isdisjoint(old)
        assert "No module named 'nowhere'" in service.terminal


async def test_a_restart_reads_the_env_file_again(state_dir, tmp_path):
    """A changed line, and a removed one."""
    file = tmp_path / ".env"
    environment = write_settings(tmp_path)
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
        await restart(service)
        assert statuses(service) == {"one.example": 400, "two.example": 200, "localhost": 400}
        file.write_text("")
        await restart(service)
        assert statuses(service) == {"one.example": 400, "two.example": 400, "localhost": 200}


def statuses(service: Service) -> dict[str, int]:
    with service.client() as client:
        hosts = ("one.example", "two.example", "localhost")
        return {host: client.get("/", headers={"Host": host}).status_code for host in hosts}


# --- the socket, TLS and the rest ----------------------------------------------------------------------


def test_a_port_in_use_is_one_sentence(state_dir):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with serving(state_dir, "--port", str(port)) as service:
            assert service.wait() == 1
    assert service.lines[-1] == (
        f"Port {port} of 127.0.0.1 cannot be used (Address already in use): choose another with --port."
    )


def test_an_inherited_socket_is_served(state_dir):
    with (
        socket.create_server(("127.0.0.1", 0)) as given,
        serving(state_dir, "--fd", str(given.fileno()), "--access-log", pass_fds=(given.fileno(),)) as service,
    ):
        service.wait_for_line(SERVING)
        url = f"http://127.0.0.1:{given.getsockname()[1]}"
        assert httpx.get(f"{url}/").status_code == 200
        service.wait_for_line('"GET / HTTP/1.1" 200')


async def test_tls_and_a_renewed_certificate(state_dir, tmp_path):
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
        await restart(service)
        assert ssl.get_server_certificate(("127.0.0.1", service.port)) != first


def make_certificate(file: Path) -> None:
    """A certificate with its key in the same file."""
    words = "openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj /CN=site -days 2"
    made = subprocess.run([*words.split(), "-keyout", "/dev/stdout"], capture_output=True, check=True)
    file.write_bytes(made.stdout)
