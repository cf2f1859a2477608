"""Notices of a process to its supervisor: it is ready, it ends, its event loop turns.

systemd listens on NOTIFY_SOCKET (sd_notify(3)) and kills a process that is silent for WATCHDOG_USEC. Other
supervisors look at the age of the file that EVERGREEN_ALIVE_FILE names.
"""

import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path

# Seconds between two signs of life where a file is the only reader.
FILE_INTERVAL = 10.0
# Signs of life within the time after which systemd kills.
BEATS_A_WATCHDOG = 4


def notify(*lines: str) -> None:
    """Send `READY=1`, `STOPPING=1`, `STATUS=…` and the like to systemd. Without systemd it does nothing."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as sender,
    ):
        # An "@" stands for the null byte of an abstract address.
        sender.sendto("\n".join(lines).encode(), address.replace("@", "\0", 1) if address[0] == "@" else address)


def watchdog_seconds() -> float | None:
    """The silence after which systemd kills this process. None without a watchdog, or if it is another process's."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    if not microseconds.isdigit() or os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(microseconds) / 1_000_000 or None


def beat_interval() -> float | None:
    """Seconds between two calls of `beat`. None if nobody looks for signs of life."""
    seconds = watchdog_seconds()
    if seconds is None:
        return FILE_INTERVAL if alive_file() else None
    return min(seconds / BEATS_A_WATCHDOG, FILE_INTERVAL)


def beat() -> None:
    """A sign of life. Call it from the event loop, so that a blocked loop gives none."""
    if watchdog_seconds() is not None:
        notify("WATCHDOG=1")
    if file := alive_file():
        with contextlib.suppress(OSError):
            file.touch()


def alive_file() -> Path | None:
    name = os.environ.get("EVERGREEN_ALIVE_FILE")
    return Path(name) if name else None


def beating(callback: Callable[[], object]) -> Callable[[], None]:
    """`callback` after a sign of life: for a loop that waits for another server, and turns meanwhile."""

    def call() -> None:
        beat()
        callback()

    return call
