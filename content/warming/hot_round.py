"""The round of the hot set: compare it with the cache after each change of the log, and load what is cold.

Headers are remembered, and judged again without a question to the cache. What seems cold is read first, since readers
and other processes load too. Now and then all is read: an eviction leaves no record.
"""

import asyncio
import time
from collections.abc import Mapping

from content.caching.engine import Engine
from content.caching.headers import StoredHeader, judge_again, read_headers
from content.warming.cold import ColdEntry, find_cold
from content.warming.hot_set import HotTarget, ReadHottest, read_hot_set
from content.warming.loading import WarmLoader
from content.warming.memory_budget import MemoryBudget, Room
from content.warming.targets import Target

# Seconds between two reads of the hot set and of all its headers.
READ_EVERY = 5.0
# Seconds for which an entry must stay fresh: until the loop comes by again and has loaded it.
HORIZON = 3.0
# Entries that are loaded before the hot set is compared anew.
COLD_AT_ONCE = 128


class HotRound:
    def __init__(self, engine: Engine, loader: WarmLoader, budget: MemoryBudget, read_hottest: ReadHottest) -> None:
        self.engine = engine
        self.loader = loader
        self.budget = budget
        self.read_hottest = read_hottest
        self.targets: dict[str, HotTarget] = {}
        self.read_at = float("-inf")
        self.stored: dict[str, StoredHeader] = {}
        # The bytes that the hot set leaves of the budget, and its entries that are not cold.
        self.room = Room(None)
        self.warm = 0
        # Set while nothing is cold that may be loaded now.
        self.is_warm = asyncio.Event()

    async def run(self) -> bool:
        """Whether cold entries are left that may be loaded now."""
        cold = await self._compare()
        if cold is None:
            return False
        fits = self._take_room()
        self.warm = len(self.targets) - len(cold)
        due = [entry for entry in cold if entry.key in fits and may_load(self.loader, self.budget, entry)]
        if not due:
            self.is_warm.set()
            return False
        self.is_warm.clear()
        await self.loader.load(due[:COLD_AT_ONCE], HORIZON)
        return True

    async def _compare(self) -> list[ColdEntry] | None:
        """The cold entries, most useful first. None if nothing can be said."""
        if time.monotonic() - self.read_at >= READ_EVERY:
            self.targets, self.read_at = await read_hot_set(self.read_hottest), time.monotonic()
            asked = list(self.targets)
        else:
            self.stored = await judge_again(self.engine.tiers, self.stored)
            asked = [entry.key for entry in self._find_cold()]
        read = await read_headers(self.engine.tiers, asked)
        if read is None:
            self.read_at = float("-inf")
            return None
        again = set(asked)
        self.stored = {key: each for key, each in self.stored.items() if key in self.targets and key not in again}
        self.stored |= read
        return self._find_cold()

    def _find_cold(self) -> list[ColdEntry]:
        should: Mapping[str, Target] = {key: each.target for key, each in self.targets.items()}
        heat = {key: each.heat for key, each in self.targets.items()}
        return find_cold(self.stored, should, heat, HORIZON, self.engine.clock())

    def _take_room(self) -> set[str]:
        """The keys for which there is room."""
        self.room = Room(self.budget.bytes)
        sizes = {key: each.size for key, each in self.stored.items()}
        return {key for key in self.targets if self.room.take(sizes.get(key))}


def may_load(loader: WarmLoader, budget: MemoryBudget, entry: ColdEntry) -> bool:
    """False while its next attempt is delayed, and for one that was evicted and is not read."""
    return loader.is_due(entry) and (entry.seen_at > 0 or budget.may_load(entry.key, entry.heat))
