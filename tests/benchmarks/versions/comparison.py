"""Two costs of one operation, measured in pairs, and how far the pairs can tell them apart."""

import math
import statistics
from dataclasses import dataclass

# Probability that the interval of a ratio covers its median.
CONFIDENCE = 0.95
# An operation may cost this many times what it did.
ALLOWED = 1.05


@dataclass(frozen=True)
class Comparison:
    """`pairs`: seconds a call in the old version and in the new one."""

    name: str
    pairs: tuple[tuple[float, float], ...]

    @property
    def old(self) -> float:
        return statistics.median(old for old, _ in self.pairs)

    @property
    def new(self) -> float:
        return statistics.median(new for _, new in self.pairs)

    @property
    def ratios(self) -> list[float]:
        return sorted(new / old for old, new in self.pairs)

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    @property
    def interval(self) -> tuple[float, float]:
        """The interval of the median ratio: two of the sorted ratios. It assumes no distribution."""
        rank = outermost_rank(len(self.pairs))
        return self.ratios[rank], self.ratios[-1 - rank]

    @property
    def coverage(self) -> float:
        return coverage_of(len(self.pairs), outermost_rank(len(self.pairs)))


def outermost_rank(pairs: int) -> int:
    """How many ratios to leave out at either end. Below six pairs none can be, and the confidence is not reached."""
    rank = 0
    while 2 * (rank + 1) < pairs and coverage_of(pairs, rank + 1) >= CONFIDENCE:
        rank += 1
    return rank


def coverage_of(pairs: int, rank: int) -> float:
    """Probability that the median lies between the sorted values at `rank` from either end (sign test)."""
    outside = sum(math.comb(pairs, below) for below in range(rank + 1)) / 2**pairs
    return max(0.0, 1 - 2 * outside)


def may_cost_more(comparison: Comparison) -> str:
    """Whether the new version costs more than it may: yes, no, or that the interval cannot tell."""
    low, high = comparison.interval
    if comparison.coverage < CONFIDENCE:
        return "cannot tell"
    if low > ALLOWED:
        return "yes"
    return "no" if high <= ALLOWED else "cannot tell"
