"""Statistics for each resource, and whether caching it pays."""

from collections.abc import Iterable
from dataclasses import dataclass

from .events import EventCounts

# Fewer reads than this say nothing about a resource.
ENOUGH = 100


@dataclass(frozen=True)
class ResourceStatistics:
    """Counts, and means in seconds and bytes; None where nothing was measured."""

    name: str
    memory_hits: int
    shared_hits: int
    negative: int
    stale: int
    joined: int
    misses: int
    loads: int
    failed: int
    refused: int
    evicted: int
    load_seconds: float | None
    lookup_seconds: float | None
    stored_bytes: float | None

    @property
    def reads(self) -> int:
        return self.answered + self.misses

    @property
    def answered(self) -> int:
        """Reads without a load of their own."""
        return self.memory_hits + self.shared_hits + self.negative + self.stale + self.joined

    @property
    def hit_ratio(self) -> float | None:
        return self.answered / self.reads if self.reads else None

    @property
    def saved_seconds(self) -> float | None:
        """A load for each read, less the loads that were made, by warming and refreshing too, and the lookups.

        Below nothing, the cache costs more than it gives.
        """
        if self.load_seconds is None or self.lookup_seconds is None:
            return None
        lookups = self.reads - self.memory_hits - self.joined
        return (self.reads - self.loads) * self.load_seconds - lookups * self.lookup_seconds

    @property
    def verdict(self) -> str:
        """In words: whether it pays, and if not, why."""
        pays, ratio = self.pays, self.hit_ratio
        if pays is None or ratio is None:
            return "too few reads to say"
        if pays:
            return "pays"
        return (
            f"does not pay: {self.loads} loads of {in_milliseconds(self.load_seconds)} for {self.reads} reads, "
            f"{ratio:.0%} of them hits; a lookup takes {in_milliseconds(self.lookup_seconds)}"
        )

    @property
    def pays(self) -> bool | None:
        """None: not yet known."""
        saved = self.saved_seconds
        return None if saved is None or self.reads < ENOUGH else saved >= 0


def in_milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.2f} ms"


def statistics(totals: EventCounts) -> list[ResourceStatistics]:
    """By resource, the one that is read most first."""
    names = {resource for _, resource, _ in totals if resource}
    return sorted((_resource_statistics(name, totals) for name in names), key=lambda each: -each.reads)


def _resource_statistics(name: str, totals: EventCounts) -> ResourceStatistics:
    def count(what: str, tiers: Iterable[str] = ("", "memory", "shared")) -> int:
        return round(sum(totals[what, name, tier] for tier in tiers))

    def mean(amount: str, number: str) -> float | None:
        return totals[amount, name, ""] / totals[number, name, ""] if totals[number, name, ""] else None

    return ResourceStatistics(
        name=name,
        memory_hits=count("hit", ["memory"]),
        shared_hits=count("hit", ["shared"]),
        negative=count("negative"),
        stale=count("stale"),
        joined=count("joined"),
        misses=count("miss"),
        loads=count("load"),
        failed=count("failed"),
        refused=count("refused"),
        evicted=count("evict"),
        load_seconds=mean("load_seconds", "load"),
        lookup_seconds=mean("lookup_seconds", "lookup"),
        stored_bytes=mean("stored_bytes", "store"),
    )
