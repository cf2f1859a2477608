"""systemd as a process sees it: it listens for notices, passes a socket, and counts silence."""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.wait import wait_until

# Seconds of silence after which systemd would kill.
WATCHDOG = 2.0
# A gate in the event loop: on SIGUSR2 a process of Python blocks until somebody opens the other end of GATE.
BLOCK = """
import os, signal
def block(*_):
    open(os.environ["GATE"] + ".blocked", "w").close()
    open(os.environ["GATE"]).read()
signal.signal(signal.SIGUSR2, block)
"""
ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="web")
os.execv(sys.argv[2], sys.argv[2:])
"""


class NotifySocket:
    """Notices that arrived, one line each."""

    def __init__(self, address: str) -> None:
        self.receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.receiver.bind(address.replace("@", "\0", 1))
        self.receiver.setblocking(False)
        self.lines: list[str] = []
        self.address = address

    def read(self) -> list[str]:
        while True:
            try:
                self.lines += self.receiver.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self.lines

    def wait_for(self, line: str, count: int = 1) -> None:
        wait_until(lambda: self.count(line) >= count, f"{line} arrives {count} times")

    def count(self, line: str) -> int:
        return sum(each.startswith(line) for each in self.read())

    @property
    def environment(self) -> dict[str, str]:
        return {"NOTIFY_SOCKET": self.address, "WATCHDOG_USEC": str(int(WATCHDOG * 1_000_000))}


@contextmanager
def listening_for_notices(address: str) -> Iterator[NotifySocket]:
    notices = NotifySocket(address)
    try:
        yield notices
    finally:
        notices.receiver.close()


class Gate:
    """Blocks event loops of processes that were started with its environment, until it is opened."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "gate"
        os.mkfifo(self.path)
        (folder / "sitecustomize.py").write_text(BLOCK)
        path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
        self.environment = {"GATE": str(self.path), "PYTHONPATH": path}

    def block(self, pid: int) -> None:
        """Returns when the process is blocked."""
        os.kill(pid, signal.SIGUSR2)
        wait_until(Path(f"{self.path}.blocked").exists, "the event loop is blocked")

    @contextmanager
    def blocked(self, pid: int) -> Iterator[None]:
        """The process goes on at the end."""
        self.block(pid)
        try:
            yield
        finally:
            with self.path.open("w"):
                pass


def with_socket(listener: socket.socket, *command: str) -> list[str]:
    """The command, started as systemd starts it: with the socket as file descriptor 3."""
    return [sys.executable, "-c", ACTIVATE, str(listener.fileno()), *command]
