"""What happened to reads: counted for the process, and for whoever listens in this context (a request, a test)."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from content.caching.declared import resources
from content.caching.loading import carried

# (what, resource, tier) -> how often. What is one of
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
# and amounts: lookup_seconds, load_seconds, stored_bytes
Events = Counter[tuple[str, str, str]]

totals: Events = Counter()
listeners: ContextVar[tuple[Events, ...]] = ContextVar("listeners", default=())
carried.append(listeners)


def record(what: str, resource: str, count: int = 1, tier: str = "") -> None:
    if not count:
        return
    totals[what, resource, tier] += count
    tell(what, resource, tier, count)


def measure(what: str, resource: str, amount: float) -> None:
    """For the process's totals alone."""
    totals[what, resource, ""] += amount  # type: ignore[assignment]  # typeshed has Counter hold int


def current_totals() -> Events:
    """Of this process, hits in memory included: those are counted on their resource."""
    counted = Counter(totals)
    for resource in resources.values():
        counted["hit", resource.name, "memory"] += resource.tally.memory_hits
    return counted


def begin_at_nothing() -> None:
    """In a forked child: what the parent counted is the parent's."""
    totals.clear()
    for resource in resources.values():
        resource.tally.memory_hits = 0


os.register_at_fork(after_in_child=begin_at_nothing)


def tell(what: str, resource: str, tier: str, count: int = 1) -> None:
    """Those who listen here; the process's totals are the caller's affair."""
    for events in listeners.get():
        events[what, resource, tier] += count


@contextmanager
def listen() -> Iterator[Events]:
    """Count the events of this context, and of the tasks and threads it starts."""
    events: Events = Counter()
    token = listeners.set((*listeners.get(), events))
    try:
        yield events
    finally:
        listeners.reset(token)


def total(events: Events, what: str, tier: str | None = None) -> int:
    return sum(
        count for (event, _, where), count in events.items() if event == what and (tier is None or where == tier)
    )
