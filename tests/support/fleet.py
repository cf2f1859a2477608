"""A fleet as `make fleet` starts it: a process, its state folder, and Ctrl-C."""

import os
import random
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from project.fleet.control import order, read_state
from project.fleet.layout import PORTS, Layout
from project.fleet.parts import site_environment
from project.fleet.programs import find_programs
from project.supervision import CannotStart
from tests.support.running_process import RunningProcess
from tests.support.servers.process import absent, is_free
from tests.support.service import ROOT, clean_environment

READY = "The fleet is ready"
# Seconds for all its programs to start.
START_SECONDS = 300.0
# Below those that connections take by chance.
CHOICE = range(11_000, 22_000, len(PORTS))


class RunningFleet(RunningProcess):
    """`state`: its folder."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = free_block()
        self.state = folder / "state"
        words = ["-m", "project.fleet", "--port", str(self.port), *options]
        super().__init__(words, clean_environment() | {"TMPDIR": str(folder)}, folder=ROOT)

    @property
    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.state / "etc/tls/fullchain.pem")

    @property
    def url(self) -> str:
        return str(read_state(self.state)["url"])

    @property
    def is_watched(self) -> bool:
        """Whether it has sentinels."""
        return bool(read_state(self.state)["sentinel"])

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the site's processes."""
        return site_environment(Layout(self.state, self.state, self.port, sentinel=self.is_watched))

    def port_of(self, name: str) -> int:
        return self.port + PORTS.index(name)

    def pid_of(self, name: str) -> int:
        return int(read_state(self.state)["pids"][name])

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, verify=self.context, timeout=30)

    def order(self, *words: str) -> dict[str, Any]:
        return dict(order(self.state, *words))

    def manage(self, *words: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "project.fleet", "--state", str(self.state), "manage", *words]
        return subprocess.run(command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=False)


@contextmanager
def running_fleet(*options: str) -> Iterator[RunningFleet]:
    """Ready. It is skipped where a program is missing."""
    try:
        find_programs()
    except CannotStart as error:
        absent(str(error))
    with fleet_folder() as folder:
        fleet = RunningFleet(folder, "--state", str(folder / "state"), *options)
        try:
            fleet.wait_for_line(READY, START_SECONDS)
            yield fleet
        finally:
            if fleet.process.poll() is None:
                fleet.interrupt()


@contextmanager
def fleet_folder() -> Iterator[Path]:
    """Other users can enter it: PostgreSQL refuses root."""
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
        os.chmod(folder, 0o711)
        yield Path(folder)


def free_block() -> int:
    """The first of as many free ports as a fleet has."""
    return next(
        first
        for first in random.sample(CHOICE, len(CHOICE))
        if all(is_free(first + number) for number in range(len(PORTS)))
    )
