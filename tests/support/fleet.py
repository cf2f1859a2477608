"""A fleet as `make fleet` starts it: a process, its state folder, and Ctrl-C."""

import os
import random
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
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
from tests.support.servers.process import absent, is_free
from tests.support.service import ROOT, clean_environment, command_line, parents

READY = "The fleet is ready"
# Below those that connections take by chance.
CHOICE = range(11_000, 22_000, len(PORTS))


class RunningFleet:
    """`state`: its folder. Lines of its terminal are read as they come."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = free_block()
        self.lines: list[str] = []
        self.more = threading.Condition()
        self.state = folder / "state"
        command = [sys.executable, "-m", "project.fleet", "--port", str(self.port), *options]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=clean_environment() | {"TMPDIR": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self.more:
                self.lines.append(line.rstrip())
                self.more.notify_all()
        with self.more:
            self.more.notify_all()

    def wait_until_ready(self, seconds: float = 300.0) -> None:
        def is_decided() -> bool:
            return self.process.poll() is not None or any(READY in line for line in self.lines)

        with self.more:
            self.more.wait_for(is_decided, seconds)
        assert self.process.poll() is None, self.terminal

    @property
    def terminal(self) -> str:
        return "\n".join(self.lines)

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
        """Of processes of the site."""
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

    def processes(self) -> dict[int, str]:
        """Process ids below it, with their command lines."""
        table, found, wave = dict(parents()), dict[int, str](), [self.process.pid]
        while wave:
            wave = [pid for pid, parent in table.items() if parent in wave]
            found |= {pid: command_line(pid) for pid in wave}
        return found

    def interrupt(self, seconds: float = 120.0) -> int:
        """Ctrl-C; the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.wait(seconds)

    def wait(self, seconds: float = 120.0) -> int:
        status = self.process.wait(seconds)
        self.reader.join(seconds)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


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
            fleet.wait_until_ready()
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
