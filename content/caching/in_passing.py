"""Loads past the cache that leave in their place what is shown in passing: rankings and the like change by time.

A value that shows a derived value is expired when that changes (cutoff.py). So as long as it is valid, it shows the
derived value that is stored now, and a comparison of both is exact.
"""

import asyncio
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from .dependencies import track_dependencies, trackers
from .key import EntryKey, Parameters
from .tiers import Tiers
from .transactions import bypass


class PastCache:
    """One load past the cache. `seconds`: of its statements. `is_exact`: all that it shows in passing was stored."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.is_exact = True


current_load: ContextVar[PastCache | None] = ContextVar("current_load", default=None)


@contextmanager
def past_cache(load: PastCache) -> Iterator[None]:
    """Reads within the block load, and store nothing. The tiers give what is shown in passing."""
    token = current_load.set(load)
    try:
        with bypass(), track_dependencies():
            yield
    finally:
        current_load.reset(token)


async def find_shown(tiers: Tiers, entry_keys: Collection[EntryKey]) -> dict[Parameters, Any]:
    """The results that a reader of what is shown in passing would get from the tiers now, by parameters."""
    load, reads = current_load.get(), trackers.get()
    if load is None or not reads or not reads[-1].in_passing:
        return {}
    found = {each.parameters: value for each in entry_keys if (value := await _find(tiers, each)) is not None}
    load.is_exact = load.is_exact and len(found) == len({each.parameters for each in entry_keys})
    return found


async def _find(tiers: Tiers, entry_key: EntryKey) -> Any:
    owner, held = entry_key.owner, tiers.peek(entry_key.key)
    value = held and tiers.judge(owner.policy, held)[0]
    if value is None and asyncio._get_running_loop() is not None:
        stored = (await tiers.lookup([entry_key], again=True)).get(entry_key.key)
        value = stored and tiers.judge(owner.policy, stored)[0]
    decoded = owner.decode_value(value) if value is not None else None
    return owner.result_of(decoded) if decoded is not None else None
