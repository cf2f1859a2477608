"""`manage.py serve` with the real site; and functions that observe its workers."""

import os
import signal
from pathlib import Path

import pytest

from tests.support.service import Service, make_tables, running_service
from tests.support.wait import wait_until_async

SERVING = "Serving on"
RESTARTED = "Restarted:"
SITE = {"CACHE_URL": "locmem://serving", "SECRET_KEY": "for tests only"}


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory):
    """One database for all tests."""
    folder = tmp_path_factory.mktemp("serving") / "state"
    folder.mkdir()
    make_tables(folder)
    return folder


def serving(state_dir: Path, *arguments: str, environment: dict[str, str] | None = None, **options):
    return running_service(state_dir, *arguments, command="serve", environment=SITE | (environment or {}), **options)


def workers(service: Service) -> set[int]:
    return {pid for pid, command in service.descendants().items() if "worker_main" in command}


def count_lines(service: Service, words: str) -> int:
    return sum(words in line for line in service.lines)


def hang_up(service: Service) -> None:
    service.process.send_signal(signal.SIGHUP)


async def restart(service: Service) -> None:
    before = count_lines(service, RESTARTED)
    hang_up(service)
    await wait_until_async(lambda: count_lines(service, RESTARTED) > before, "the restart is logged")


def nobody_listens(port: int) -> bool:
    return not listening(port)


def listening(port: int) -> list[str]:
    """The inodes of the sockets that listen on this port, of any process."""
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return [row[9] for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")]


BROKEN = "MIDDLEWARE = [*MIDDLEWARE, 'nowhere.Middleware']"


def write_settings(folder: Path, line: str = "") -> dict[str, str]:
    """Write a version of the site. Returns its environment."""
    (folder / "version.py").write_text(f"from project.settings import *\n{line}\n")
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    return {"DJANGO_SETTINGS_MODULE": "version", "PYTHONPATH": path}
