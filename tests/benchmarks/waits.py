"""Waits of readers: shares of loads, quantiles, and the course of a run by seconds."""

import math
from collections import defaultdict
from collections.abc import Sequence, Set
from dataclasses import dataclass, field

from tests.benchmarks.readers import Read


@dataclass
class Waits:
    """The waits of some reads, in seconds."""

    reads: Sequence[Read]
    hot: Set[str] = frozenset()
    ordered: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self.ordered = sorted(read.took for read in self.reads)

    def quantile(self, share: float) -> float:
        return quantile_of(self.ordered, share)

    @property
    def loads(self) -> float:
        """The share of readers who waited for a load."""
        return share_of_loads(self.reads)

    @property
    def hot_loads(self) -> float:
        return share_of_loads([read for read in self.reads if read.path in self.hot])

    @property
    def lost(self) -> int:
        return sum(read.is_lost for read in self.reads)

    @property
    def at_once(self) -> int:
        return max((read.at_once for read in self.reads), default=0)


@dataclass(frozen=True)
class Second:
    """The reads that were due in one second of a run."""

    hits: float
    p99: float


def quantile_of(ordered: Sequence[float], share: float) -> float:
    """The nearest rank, of values in ascending order; not a number if there are none."""
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)] if ordered else math.nan


def share_of_loads(reads: Sequence[Read]) -> float:
    return sum(not read.is_hit for read in reads) / max(1, len(reads))


def split_by_second(reads: Sequence[Read]) -> dict[int, list[Read]]:
    """The reads that were due in each second, in order."""
    seconds: defaultdict[int, list[Read]] = defaultdict(list)
    for read in reads:
        seconds[math.floor(read.due)].append(read)
    return dict(sorted(seconds.items()))


def by_second(reads: Sequence[Read]) -> list[Second]:
    return [
        Second(1 - share_of_loads(each), quantile_of(sorted(read.took for read in each), 0.99))
        for each in split_by_second(reads).values()
    ]


def seconds_to(share: float, seconds: Sequence[Second]) -> int | None:
    """After how many seconds that share of reads were hits, in each second up to the end. None: not at the end."""
    last = max((number for number, second in enumerate(seconds) if second.hits < share), default=-1)
    return last + 1 if last + 1 < len(seconds) else None
