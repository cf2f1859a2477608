"""Events: counted for the process, and for listeners in this context; and the statistics of resources from them."""

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import NamedTuple

from ..executor import inherited_variables

logger = logging.getLogger("content.caching")

# (event, resource, tier) -> count. An event is one of
#   hit negative stale   answered from the tier: fresh, "not there", stale
#   miss                 no tier had it: a load, or what another process loads
#   joined               got what another reader of this process waited for already
#   load failed          a loader ran, and how it ended
#   refresh late         a load behind a reader; one that no worker did in time
#   wait slow            for another's lease; past its soft timeout
#   error_stale          an old value, because loading fails
#   refused unreadable   not stored; not readable
#   evict                dropped from memory for want of room
#   lookup store         keys asked for in the shared tier; entries stored there
#   checked inconsistent fresh in the tier, and compared with the database; of these, what differed
#   matched              fresh in memory, and as the shared tier has it
#   unsettled unverified changed again and again; no room for its check, or not to be loaded
#   purged               of no resource, tier cdn: the CDN has confirmed it; `purge failed`: it has not
# and amounts: lookup_seconds, load_seconds, stored_bytes, purged_tags, verify_seconds
EventCounts = Counter[tuple[str, str, str]]


class Event(NamedTuple):
    """One thing that happened. `reason` is a few words: why a value was stale, refused, loaded behind a reader."""

    what: str
    resource: str
    key: str
    tier: str
    reason: str


class Counters:
    """Hits in memory. They are apart from other events: counting an event takes longer than such a hit."""

    __slots__ = ("memory_hits",)

    def __init__(self) -> None:
        self.memory_hits = 0


# By the name of what was read: resources, and pages.
counters_by_name: dict[str, Counters] = {}


def counters_for(name: str) -> Counters:
    return counters_by_name.setdefault(name, Counters())


totals: EventCounts = Counter()
subscribers: list[Callable[[Event], None]] = []
listeners: ContextVar[tuple[EventCounts, ...]] = ContextVar("listeners", default=())
inherited_variables.append(listeners)


def emit(what: str, resource: str, key: str = "", *, tier: str = "", reason: str = "") -> None:
    totals[what, resource, tier] += 1
    if subscribers or listeners.get():
        notify(what, resource, key, tier=tier, reason=reason)


@contextmanager
def subscribe(subscriber: Callable[[Event], None]) -> Iterator[None]:
    """Call the subscriber for every event of this process, for logs and traces. Its errors are logged."""
    subscribers.append(subscriber)
    try:
        yield
    finally:
        subscribers.remove(subscriber)


def measure(what: str, resource: str, amount: float) -> None:
    """An amount, for the process's totals and for the listeners of this context."""
    for counts in (totals, *listeners.get()):
        counts[what, resource, ""] += amount  # type: ignore[assignment]  # typeshed has Counter hold int


def current_totals() -> EventCounts:
    """The totals of this process, hits in memory included, which are counted apart."""
    counted = Counter(totals)
    for name, counters in counters_by_name.items():
        counted["hit", name, "memory"] += counters.memory_hits
    return counted


def _reset_in_child() -> None:
    """In a forked child: its parent reports what the parent counted."""
    totals.clear()
    for counters in counters_by_name.values():
        counters.memory_hits = 0


os.register_at_fork(after_in_child=_reset_in_child)


def notify(what: str, resource: str, key: str, *, tier: str = "", reason: str = "") -> None:
    """Notify the listeners of this context, and the subscribers. The process's totals do not change."""
    for events in listeners.get():
        events[what, resource, tier] += 1
    for subscriber in subscribers:
        try:
            subscriber(Event(what, resource, key, tier, reason))
        except Exception:
            logger.exception("a subscriber to cache events failed")


@contextmanager
def listen() -> Iterator[EventCounts]:
    """Count the events of this context, and of the tasks and threads it starts."""
    events: EventCounts = Counter()
    token = listeners.set((*listeners.get(), events))
    try:
        yield events
    finally:
        listeners.reset(token)


def total(events: EventCounts, what: str, tier: str | None = None) -> int:
    return sum(
        count for (event, _, where), count in events.items() if event == what and (tier is None or where == tier)
    )


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
