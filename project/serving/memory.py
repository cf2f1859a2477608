"""How much memory is free for more worker processes. Linux only: elsewhere nothing is known."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

KILOBYTE = 1024
PROC, CONTROL_GROUPS = Path("/proc"), Path("/sys/fs/cgroup")
# The share of the free memory that a restart may take.
SHARE = 0.5


def count_that_fit(pids: Iterable[int], most: int) -> int:
    """How many more processes, each as large as the largest of these, fit into half of the free memory.

    From 0 to `most`; 0 if unknown.
    """
    largest, free = max(map(resident_bytes, pids), default=0), free_bytes()
    return min(most, int(free * SHARE) // largest) if largest else 0


def resident_bytes(pid: int, proc: Path = PROC) -> int:
    """Pages that it shares with others included. 0 for a process that has ended."""
    try:
        return int((proc / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def free_bytes(proc: Path = PROC, groups: Path = CONTROL_GROUPS) -> int:
    """The free memory of the machine, or of a control group of this process that has less. 0 if unknown."""
    try:
        lines = (line.split() for line in (proc / "meminfo").read_text().splitlines())
        machine = next(int(words[1]) * KILOBYTE for words in lines if words[0] == "MemAvailable:")
    except (OSError, ValueError, IndexError, StopIteration):
        return 0
    return max(0, min([machine, *_free_in_groups(proc, groups)]))


def _free_in_groups(proc: Path, groups: Path) -> Iterator[int]:
    """Version 2 of control groups: those of systemd and of containers. One without a limit yields nothing."""
    try:
        line = next(each for each in (proc / "self/cgroup").read_text().splitlines() if each.startswith("0::/"))
    except (OSError, StopIteration):
        return
    group = groups / line.removeprefix("0::/")
    while group.is_relative_to(groups):
        try:
            limit, used = (int((group / name).read_text()) for name in ("memory.max", "memory.current"))
            yield limit - used + _file_cache(group)
        except (OSError, ValueError):
            # The root has no such files, and "max" is no number.
            pass
        group = group.parent


def _file_cache(group: Path) -> int:
    """Bytes of files that the kernel drops when memory is short."""
    lines = (line.split() for line in (group / "memory.stat").read_text().splitlines())
    return next((int(words[1]) for words in lines if words[0] == "inactive_file"), 0)
