"""A long race in which nothing may grow: what each process holds, second by second."""

import asyncio
import os
import statistics
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tests.support.race.course import Course, run_processes
from tests.support.race.history import now

# A share of the time, after which memory, threads and connections have their full size.
WARM_UP = 0.2
OPTIONS = {
    "weights": {
        "read": 60,
        "read_page": 12,
        "read_many": 8,
        "write": 8,
        "undo": 1,
        "refresh": 4,
        "hurry": 5,
        "forget": 1,
    },
    "only_samples": True,
}
ROWS = 5000


class Sample(msgspec.Struct, frozen=True):
    process: int
    at: float
    memory: int
    descriptors: int
    connections: int
    tasks: int
    threads: int


def sample() -> Sample:
    """The figures of this process, taken in its event loop."""
    descriptors = [os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Sample(
        process=os.getpid(),
        at=now(),
        memory=pages * os.sysconf("SC_PAGE_SIZE"),
        descriptors=len(descriptors),
        connections=sum(target.startswith("socket:") for target in descriptors),
        tasks=len(asyncio.all_tasks()),
        threads=threading.active_count(),
    )


async def write_samples(path: Path) -> None:
    """A line a second, until cancelled."""
    with path.open("wb", buffering=0) as lines:
        while True:
            lines.write(msgspec.json.encode(sample()) + b"\n")
            await asyncio.sleep(1)


@dataclass(frozen=True)
class Figure:
    """One figure, summed over the processes: its medians after the warm-up and at the end, and the most ever."""

    name: str
    early: float
    late: float
    most: float

    @property
    def growth(self) -> float:
        """As a share."""
        return self.late / self.early - 1


def run_soak(redis_url: str, database_url: str, seconds: float, processes: int = 4) -> list[Figure]:
    course = Course(redis_url, database_url, seconds=seconds, processes=processes, rows=ROWS, options=OPTIONS)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        paths = [Path(folder) / f"{number}.jsonl" for number in range(processes)]
        run_processes(course, paths)
        by_process = [msgspec.json.Decoder(Sample).decode_lines(path.read_bytes()) for path in paths]
    return [figure_of(name, by_process) for name in ("memory", "descriptors", "connections", "tasks", "threads")]


def figure_of(name: str, by_process: list[list[Sample]]) -> Figure:
    """A tenth of the time, after the warm-up and at the end; the last seconds, in which all end, are left out."""
    sums = [sum(getattr(each, name) for each in row) for row in zip(*by_process, strict=False)][:-2]
    window, begin = max(1, len(sums) // 10), int(len(sums) * WARM_UP)
    return Figure(name, statistics.median(sums[begin : begin + window]), statistics.median(sums[-window:]), max(sums))
