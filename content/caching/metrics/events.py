"""Events: counted for the process, and for listeners in this context."""

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
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
#   layer failed         of no resource but `live`: the channel layer did not take or deliver a message
# and amounts: lookup_seconds, load_seconds, stored_bytes, purged_tags, verify_seconds
# and those of warming, with the plan in the tier's place: content.caching.metrics.warm_return
# and responses: (request, status, cache outcome) and (request_seconds, bucket, cache outcome), of
# content.caching.metrics.process_counts
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


# Counters by the name of a resource, or "page".
counters_by_name: dict[str, Counters] = {}


def counters_for(name: str) -> Counters:
    return counters_by_name.setdefault(name, Counters())


totals: EventCounts = Counter()
# Each returns further counts of this process, under names that no other source uses.
sources: list[Callable[[], EventCounts]] = []
subscribers: list[Callable[[Event], None]] = []
listeners: ContextVar[tuple[EventCounts, ...]] = ContextVar("listeners", default=())
sums: ContextVar[tuple[EventCounts, ...]] = ContextVar("sums", default=())
inherited_variables.extend((listeners, sums))


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


def measure(what: str, resource: str, amount: float, tier: str = "") -> None:
    """An amount, for the process's totals and for the sums of this context."""
    for counts in (totals, *sums.get()):
        counts[what, resource, tier] += amount  # type: ignore[assignment]  # typeshed has Counter hold int


def current_totals() -> EventCounts:
    """The totals of this process. Hits in memory and responses are counted apart."""
    counted = Counter(totals)
    for name, counters in counters_by_name.items():
        counted["hit", name, "memory"] += counters.memory_hits
    for source in sources:
        counted.update(source())
    return counted


def _reset_in_child() -> None:
    """Called in a forked child: its parent reports what the parent counted."""
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


@contextmanager
def sum_amounts() -> Iterator[EventCounts]:
    """Add up the amounts of this context, and of the tasks and threads it starts."""
    amounts: EventCounts = Counter()
    token = sums.set((*sums.get(), amounts))
    try:
        yield amounts
    finally:
        sums.reset(token)


def total(events: EventCounts, what: str, tier: str | None = None) -> int:
    return sum(
        count for (event, _, where), count in events.items() if event == what and (tier is None or where == tier)
    )
