"""A server that is measured: its process, on its core, and the time it takes there."""

import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.cores import FOR_THE_SERVER, on_core
from tests.benchmarks.cpu import seconds_of
from tests.support.servers.process import is_free, stop
from tests.support.wait import wait_until

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 60.0
# Below those that connections take by chance, of which a load generator opens hundreds.
PORTS = range(22_000, 32_000)


class Absent(Exception):
    """A program of a contender is not installed. The contender is left out, with a message."""


@dataclass(frozen=True)
class Contender:
    name: str
    port: int
    pid: int

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def processor_seconds(self) -> float:
        return seconds_of(self.pid)


@contextmanager
def start(
    name: str,
    command: Sequence[object],
    port: int,
    *,
    core: int = FOR_THE_SERVER,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Contender]:
    """Until it accepts connections, for at most a minute; raises with its own words if it ends before."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            on_core(core, command), env=os.environ | (environment or {}), cwd=ROOT, stdout=log, stderr=log
        )
        try:
            wait_until(lambda: accepts(port) or process.poll() is not None, f"{name} accepts", READY_SECONDS)
            if process.returncode is not None:
                log.seek(0)
                raise RuntimeError(f"{name} ended at once: {log.read().decode()}")
            yield Contender(name, port, process.pid)
        finally:
            stop(process)


@contextmanager
def uvicorn_with(
    name: str,
    application: str,
    *,
    http: str = "httptools",
    core: int = FOR_THE_SERVER,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Contender]:
    """One process, as the site is served."""
    port = port_of_its_own()
    command = [sys.executable, "-m", "tests.benchmarks.uvicorns", application, port, http]
    with start(name, command, port, core=core, environment=environment) as contender:
        yield contender


def program(name: str) -> str:
    """Where it is, also where only root looks; raises Absent."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin")
    if found is None:
        raise Absent(f"{name} is not installed")
    return found


def port_of_its_own() -> int:
    return next(port for port in random.sample(PORTS, len(PORTS)) if is_free(port))


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
