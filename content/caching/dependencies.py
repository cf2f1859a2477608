"""Track what is read while a value is made: the value depends on its tags, and a stale part makes it stale."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from .key import check_tags


@dataclass
class Dependencies:
    """Keys and tags of all that was read, until when all of it is fresh, or stale, and whether some is stale now."""

    keys: set[str] = field(default_factory=set)
    tags: set[str] = field(default_factory=set)
    stale: bool = False
    # Whether it was made of data of one reader that no key names.
    private: bool = False
    # Unix seconds.
    fresh_until: float = math.inf
    stale_until: float = math.inf


trackers: ContextVar[tuple[Dependencies, ...]] = ContextVar("trackers", default=())


def add_dependency(key: str, tags: Iterable[str], fresh_until: float, stale_until: float, *, stale: bool) -> None:
    """Called for every answer that a resource gives. Raises TypeError for tags that are no list of strings."""
    if type(tags) is not tuple:
        tags = check_tags(tags)
    for dependencies in trackers.get():
        dependencies.keys.add(key)
        dependencies.tags.update(tags)
        dependencies.stale = dependencies.stale or stale
        dependencies.fresh_until = min(dependencies.fresh_until, fresh_until)
        dependencies.stale_until = min(dependencies.stale_until, stale_until)


def note_private() -> None:
    """Mark the current result as private, for it shows one reader's data that no key names. It is not stored."""
    for dependencies in trackers.get():
        dependencies.private = True


@contextmanager
def track_dependencies() -> Iterator[Dependencies]:
    """Track the reads of this context, and of the tasks and threads that it starts. Other requests are left out."""
    dependencies = Dependencies()
    token = trackers.set((*trackers.get(), dependencies))
    try:
        yield dependencies
    finally:
        trackers.reset(token)
