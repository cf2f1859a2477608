"""The time that processes have spent on a processor."""

import os
from contextlib import suppress
from pathlib import Path

# Fields of /proc/PID/stat behind the name: user and system time, in ticks (proc(5)).
USER, SYSTEM = 11, 12


def seconds_of(pid: int) -> float:
    """User and system time of that process, of all its threads, and of all that live below it."""
    return own_seconds(pid) + sum(map(seconds_of, children_of(pid)))


def own_seconds(pid: int) -> float:
    """Exact to a tick, a hundredth of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[USER]) + int(fields[SYSTEM])) / os.sysconf("SC_CLK_TCK")


def children_of(pid: int) -> list[int]:
    """Those that any of its threads has started."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        # A pool may end a thread while we look at it.
        with suppress(FileNotFoundError, ProcessLookupError):
            found += map(int, (thread / "children").read_text().split())
    return found
