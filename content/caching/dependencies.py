"""Track what is read while a value is made: the value depends on its tags, and a stale part makes it stale.

A value reads inside of `shown_in_passing` the things that stand beside its own, such as a ranking. It then depends on
them weakly: a change makes the value stale, and no reader waits for it (rule 20 of docs/protocol.md).
"""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from .key import check_tags, weak_tag


@dataclass
class Dependencies:
    """Keys and tags of all that was read, until when all of it is fresh, or stale, and whether some is stale now."""

    keys: set[str] = field(default_factory=set)
    tags: set[str] = field(default_factory=set)
    # Whether it is what a value shows in passing.
    in_passing: bool = False
    stale: bool = False
    # Whether something that is shown in passing is stale now.
    weakly_stale: bool = False
    # Whether it was made of data of one reader that no key names.
    private: bool = False
    # Unix seconds.
    fresh_until: float = math.inf
    stale_until: float = math.inf
    # All that is shown in passing is fresh until then. A derived value is left out: its change has a tag (cutoff.py).
    weakly_fresh_until: float = math.inf

    def add_weakly(self, passing: "Dependencies") -> None:
        """Add what was read in passing: by weak tags, and without a bound on how long the whole may be served."""
        self.keys |= passing.keys
        self.tags.update(map(weak_tag, passing.tags))
        self.weakly_stale |= passing.stale or passing.weakly_stale
        self.private |= passing.private
        self.weakly_fresh_until = min(self.weakly_fresh_until, passing.fresh_until, passing.weakly_fresh_until)


trackers: ContextVar[tuple[Dependencies, ...]] = ContextVar("trackers", default=())


def add_dependency(
    key: str,
    tags: Iterable[str],
    fresh_until: float,
    stale_until: float,
    *,
    stale: bool,
    tags_in_passing: Iterable[str] | None = None,
) -> None:
    """Called for every answer that a resource gives. Raises TypeError for tags that are no list of strings.

    `tags_in_passing`: those of a value that shows it in passing, if they are others.
    """
    if type(tags) is not tuple:
        tags = check_tags(tags)
    for dependencies in trackers.get():
        dependencies.keys.add(key)
        dependencies.stale = dependencies.stale or stale
        dependencies.stale_until = min(dependencies.stale_until, stale_until)
        if tags_in_passing is not None and dependencies.in_passing:
            dependencies.tags.update(tags_in_passing)
        else:
            dependencies.tags.update(tags)
            dependencies.fresh_until = min(dependencies.fresh_until, fresh_until)


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


@contextmanager
def shown_in_passing() -> Iterator[None]:
    """Reads inside are of things shown in passing: a change makes the value stale, a withdrawal makes it invalid.

    Holds for the tasks and threads that the block starts and awaits, too.
    """
    outer, passing = trackers.get(), Dependencies(in_passing=True)
    token = trackers.set((passing,) if outer else ())
    try:
        yield
    finally:
        trackers.reset(token)
        for dependencies in outer:
            dependencies.add_weakly(passing)
