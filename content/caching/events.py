"""What happened to reads: counted for the process, and for whoever listens in this context (a request, a test)."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from content.caching.loading import carried

# (what, resource, tier) -> how often. What is one of
#   hit negative stale   answered from the tier: fresh, "not there", stale
#   load failed          a loader ran, and how it ended
#   refresh late         a load behind a reader; one that no worker did in time
#   wait slow            for another's lease; past its soft timeout
#   error_stale          an old value, because loading fails
#   refused unreadable   not stored; not readable
Events = Counter[tuple[str, str, str]]

totals: Events = Counter()
listeners: ContextVar[tuple[Events, ...]] = ContextVar("listeners", default=())
carried.append(listeners)


def record(what: str, resource: str, count: int = 1, tier: str = "") -> None:
    if not count:
        return
    totals[what, resource, tier] += count
    tell(what, resource, tier, count)


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
