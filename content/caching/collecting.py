"""What is read while something is made: its tags become the maker's, and a stale part makes a stale whole."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass
class Collected:
    """Keys and tags of all that was read, until when all of it is fresh, or stale, and whether some is stale now."""

    keys: set[str] = field(default_factory=set)
    tags: set[str] = field(default_factory=set)
    stale: bool = False
    # Whether it was made of data of one reader that no key names.
    private: bool = False
    # Unix seconds.
    fresh_until: float = math.inf
    stale_until: float = math.inf


collectors: ContextVar[tuple[Collected, ...]] = ContextVar("collectors", default=())


def note(key: str, tags: Iterable[str], fresh_until: float, stale_until: float, *, stale: bool) -> None:
    """Called for every answer that a resource gives."""
    for collected in collectors.get():
        collected.keys.add(key)
        collected.tags.update(tags)
        collected.stale = collected.stale or stale
        collected.fresh_until = min(collected.fresh_until, fresh_until)
        collected.stale_until = min(collected.stale_until, stale_until)


def note_private() -> None:
    """What is being made shows data of one reader that no key names: it is not stored, nor given to others."""
    for collected in collectors.get():
        collected.private = True


@contextmanager
def collecting() -> Iterator[Collected]:
    """What this context, and the tasks and threads that it starts, read in here; other requests' reads are not."""
    collected = Collected()
    token = collectors.set((*collectors.get(), collected))
    try:
        yield collected
    finally:
        collectors.reset(token)
