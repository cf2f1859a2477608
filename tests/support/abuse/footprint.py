"""Memory and descriptors of processes, second by second, and their growth."""

import os
import statistics
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Growth:
    """Medians of the second quarter of the time, and of the last."""

    early: float
    late: float


@dataclass
class Footprint:
    """Resident bytes and open descriptors of one process."""

    process: int
    memory: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)

    def sample(self) -> None:
        of_process = Path(f"/proc/{self.process}")
        pages = int((of_process / "statm").read_text().split()[1])
        self.memory.append(pages * os.sysconf("SC_PAGE_SIZE"))
        self.descriptors.append(len(os.listdir(of_process / "fd")))


def growth(samples: list[int]) -> Growth:
    quarter = len(samples) // 4
    return Growth(statistics.median(samples[quarter : 2 * quarter]), statistics.median(samples[3 * quarter :]))
