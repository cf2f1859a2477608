"""Slots for surveys and counts that operators order: each reads all that is stored, in a process of readers."""

from collections.abc import Iterator
from contextlib import contextmanager

from content.caching.errors import Overloaded

# The most surveys at once in a process, and seconds after which a refused one may be tried again.
MOST_AT_ONCE, RETRY_AFTER = 2, 2
_running = 0


@contextmanager
def survey_slot() -> Iterator[None]:
    """Raises Overloaded if MOST_AT_ONCE are taken."""
    global _running
    if _running >= MOST_AT_ONCE:
        raise Overloaded("surveys for operators", retry_after=RETRY_AFTER)
    _running += 1
    try:
        yield
    finally:
        _running -= 1
