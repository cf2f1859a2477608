"""The report of one process, as it is stored in Redis."""

from typing import Any

import msgspec

from ..errors import Unreadable
from ..serializer import decode


class Process(msgspec.Struct, frozen=True):
    """The report of one process; `at` is Unix seconds. `has_readers`: it serves them; workers and commands do not.

    coverage             of its memory, in the form that it has for who measures it; None if nobody does
    started_at           Unix seconds; 0 in reports of releases that do not say it
    propagation_seconds  the longest that an invalidation took to reach it in the last minute or two; None without one
    open_breakers        caches that it leaves alone, since they do not answer
    """

    at: float
    host: str
    pid: int
    memory_bytes: int
    memory_entries: int
    is_heard: bool
    has_readers: bool = True
    # The part of keys that stands for the release. Empty without one, and in reports of older releases.
    release: str = ""
    coverage: Any = None
    started_at: float = 0.0
    propagation_seconds: float | None = None
    open_breakers: int = 0


_decoder = msgspec.json.Decoder(Process)


def read_process(content: bytes) -> Process | None:
    """The report, or None for bytes that are none: any program can write to Redis."""
    try:
        return decode(_decoder.decode, content)
    except Unreadable:
        return None
