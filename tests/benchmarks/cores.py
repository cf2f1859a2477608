"""One core for what is measured and another for who asks: neither takes the other's time."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

AVAILABLE = sorted(os.sched_getaffinity(0))
FOR_THE_SERVER = AVAILABLE[0]
FOR_THE_LOAD = AVAILABLE[-1]


def on_core(core: int, command: Sequence[object]) -> list[str]:
    """The command, and all that it starts, on that core alone."""
    return ["taskset", "--cpu-list", str(core), *map(str, command)]


@contextmanager
def pin_to_core(core: int) -> Iterator[None]:
    """This thread, and what it starts meanwhile, on that core alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
