"""What happened to reads: counted for whoever listens in this context (a request, a test, a job)."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# (what, resource) -> how often; what is one of: hit, negative, miss, load, failed, refused, unreadable.
Events = Counter[tuple[str, str]]

listeners: ContextVar[tuple[Events, ...]] = ContextVar("listeners", default=())


def record(what: str, resource: str, count: int = 1) -> None:
    for events in listeners.get():
        events[what, resource] += count


@contextmanager
def listen() -> Iterator[Events]:
    """Count the events of this context, and of the tasks and threads it starts."""
    events: Events = Counter()
    token = listeners.set((*listeners.get(), events))
    try:
        yield events
    finally:
        listeners.reset(token)


def total(events: Events, what: str) -> int:
    return sum(count for (event, _), count in events.items() if event == what)
