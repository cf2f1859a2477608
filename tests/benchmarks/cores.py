"""One core for what is measured and another for who asks: neither takes the other's time."""

import os
from collections.abc import Sequence

AVAILABLE = sorted(os.sched_getaffinity(0))
FOR_THE_SERVER = AVAILABLE[0]
FOR_THE_LOAD = AVAILABLE[-1]


def on_core(core: int, command: Sequence[object]) -> list[str]:
    """The command, and all that it starts, on that core alone."""
    return ["taskset", "--cpu-list", str(core), *map(str, command)]
