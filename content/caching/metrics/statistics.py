"""The statistics of resources, from the events of all processes: which of them pay, and what to change about others.

Loads of warming count for no resource here: nobody waited for them. content.caching.metrics.warm_return has them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from .events import EventCounts
from .process_counts import REQUEST_EVENT, SECONDS_EVENT
from .warm_return import returns

# Fewer reads than this say nothing about a resource.
ENOUGH = 100
# The share of reads or loads that counts as most of them.
OFTEN = 0.5


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
    warm_loads: int
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
        """A load for each read, less the loads for readers, refreshes too, and the lookups.

        Below nothing, the cache costs more than it gives.
        """
        if self.load_seconds is None or self.lookup_seconds is None:
            return None
        lookups = self.reads - self.memory_hits - self.joined
        return (self.reads - self.reader_loads) * self.load_seconds - lookups * self.lookup_seconds

    @property
    def reader_loads(self) -> int:
        """Loads without those of warming."""
        return max(0, self.loads - self.warm_loads)

    @property
    def verdict(self) -> str:
        """A sentence that says whether it pays, and if not, why."""
        pays, ratio = self.pays, self.hit_ratio
        if pays is None or ratio is None:
            return "too few reads to say"
        if pays:
            return "pays"
        return (
            f"does not pay: {self.reader_loads} loads of {in_milliseconds(self.load_seconds)} for {self.reads} "
            f"reads, {ratio:.0%} of them hits; a lookup takes {in_milliseconds(self.lookup_seconds)}. {self.advice}"
        )

    @property
    def advice(self) -> str:
        """The advice for a resource that does not pay."""
        load, lookup = self.load_seconds or 0.0, self.lookup_seconds or 0.0
        if self.loads and self.refused > self.loads * OFTEN:
            return (
                f"{self.refused} values were not stored: invalidate it by narrower tags, or let its loader read "
                "fewer things that change"
            )
        if load <= lookup:
            return "Its loader is as quick as a lookup: call the loader itself, without a resource"
        if self.evicted > self.reads * OFTEN:
            return "It is evicted from memory before it is read again: give the cache more memory (MEMORY)"
        if (self.hit_ratio or 0.0) < OFTEN:
            return "Few entries are read twice: give it fewer parameters or a longer ttl, or do not cache it"
        return "It ends too often: give it a longer ttl, and narrower tags"

    @property
    def pays(self) -> bool | None:
        """None: not yet known."""
        saved = self.saved_seconds
        return None if saved is None or self.reads < ENOUGH else saved >= 0


def in_milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.2f} ms"


def statistics(totals: EventCounts) -> list[ResourceStatistics]:
    """The statistics of each resource, the most read first."""
    names = {resource for event, resource, _ in totals if resource and event not in (REQUEST_EVENT, SECONDS_EVENT)}
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
        warm_loads=round(sum(each.loads for each in returns(totals) if each.resource == name)),
        failed=count("failed"),
        refused=count("refused"),
        evicted=count("evict"),
        load_seconds=mean("load_seconds", "load"),
        lookup_seconds=mean("lookup_seconds", "lookup"),
        stored_bytes=mean("stored_bytes", "store"),
    )
