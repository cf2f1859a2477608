"""The round of the hot set: after each record of the log, load what it has made cold, hottest first.

Headers are remembered by their tags, so that a record leads to the entries that carry its tags: these alone are read
and judged. Now and then all are read, since an eviction leaves no record, and time alone makes an entry stale.
"""

import asyncio
import math
import time
from collections import defaultdict, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from content.caching.engine import Engine
from content.caching.headers import StoredHeader, read_headers
from content.caching.key import weak_tag
from content.caching.ordering.tag_index import Record
from content.warming.cold import ColdEntry, find_cold, mark_in
from content.warming.coverage import Counts, count_hottest, is_fresh
from content.warming.hot_set import MOST, HotTarget, ReadHottest, read_hot_set
from content.warming.kinds import Kind, kind_of
from content.warming.loading import WarmLoader
from content.warming.memory_budget import MemoryBudget, Room
from content.warming.process_coverage import HotKey
from content.warming.targets import Target

# Seconds between two reads of the hot set and of all its headers.
READ_EVERY = 10.0
# Seconds for which an entry must stay fresh: until all are read again, and it has been loaded.
HORIZON = READ_EVERY + 3.0
# Entries that are of the hot plan.
HOTTEST = 1000
# Entries that are loaded before the hot set is compared anew.
COLD_AT_ONCE = 128
# Seconds before the same entries are tried again.
PAUSE = 0.05
# Records that wait to be looked at. Past it all headers are read.
MOST_RECORDS = 10_000


class HotRound:
    def __init__(self, engine: Engine, loader: WarmLoader, budget: MemoryBudget, read_hottest: ReadHottest) -> None:
        self.engine = engine
        self.loader = loader
        self.budget = budget
        self.read_hottest = read_hottest
        # The first of the whole site fill up the set where fewer are read.
        self.filling: Sequence[Target] = ()
        self.targets: dict[str, HotTarget] = {}
        # Coverage of the targets, for reports.
        self.kinds: dict[str, Kind] = {}
        self.stored: dict[str, StoredHeader] = {}
        self.keys_by_tag: dict[str, list[str]] = {}
        # The entries that are not fresh, as far as is known, the most useful first.
        self.cold: list[ColdEntry] = []
        # The least heat of the HOTTEST: they are the hot plan, and the others are of the plan of the site.
        self.hot_from = math.inf
        self.read_at = float("-inf")
        self.epoch = ""
        self.records: deque[Record] = deque(maxlen=MOST_RECORDS)
        # Set by each record.
        self.has_records = asyncio.Event()
        # The keys for which there is room, and the bytes that they leave of the budget.
        self.fitting: Collection[str] = ()
        self.room = Room(None)
        # Set while nothing is cold that may be loaded now.
        self.is_warm = asyncio.Event()
        self.tried: list[str] = []
        # The keys that the last turn loaded, and the number of entries that were fresh when the turn after theirs
        # compared.
        self.loading: set[str] = set()
        self.read_back = 0

    def covers(self, key: str) -> bool:
        """False for an entry that nobody has read and that is not stored: the round over the site loads it."""
        target = self.targets.get(key)
        return target is not None and (target.heat > 0 or key in self.stored)

    @property
    def entries(self) -> int:
        return sum(map(self.covers, self.targets))

    @property
    def left_out(self) -> int:
        return self.entries - len(self.fitting)

    @property
    def warm(self) -> int:
        return self.entries - sum(self.covers(each.key) for each in self.cold)

    def count_coverage(self) -> tuple[dict[str, Counts], Counts]:
        """The coverage of entries that are read, by set, and of all that the round over the site leaves out."""
        now, stored, all_counts = self.engine.clock(), self.stored, Counts()

        def count() -> Iterator[tuple[Kind, bool]]:
            for key, (_, heat) in self.targets.items():
                kind, fresh = self.kinds[key], is_fresh(each := stored.get(key), now)
                if heat > 0 or each is not None:
                    all_counts.add(kind, is_fresh=fresh)
                if heat > 0:
                    yield kind, fresh

        return count_hottest(count()), all_counts

    def hot_keys(self) -> list[HotKey]:
        """The keys that are read, the hottest first."""
        return [HotKey(key, *self.kinds[key]) for key, each in self.targets.items() if each.heat > 0]

    @contextmanager
    def following(self) -> Iterator[None]:
        """Hear of each record. Where invalidations are not read from a log, all headers are read now and then."""
        observers = getattr(self.engine.tiers.tag_index, "observers", None)
        loop = asyncio.get_running_loop()

        def observe(epoch: str, records: Sequence[Record]) -> None:
            """Called on the thread that reads the log."""
            self.records.extend(records)
            loop.call_soon_threadsafe(self.has_records.set)

        if observers is None:
            yield
            return
        observers.append(observe)
        try:
            yield
        finally:
            observers.remove(observe)

    async def run(self) -> bool:
        """Whether cold entries are left that may be loaded now."""
        if not await self._compare():
            self.read_at = float("-inf")
            return False
        self.read_back += len(self.loading - {each.key for each in self.cold})
        self.loading = set()
        due = [each for each in self.cold if self._is_due(each)]
        if not due:
            self.is_warm.set()
            return False
        self.is_warm.clear()
        chosen = due[:COLD_AT_ONCE]
        await self._pause_if_tried(chosen)
        await self.loader.load(chosen, HORIZON)
        self.loading = {each.key for each in chosen}
        return True

    def _is_due(self, entry: ColdEntry) -> bool:
        return entry.key in self.fitting and may_load(self.loader, self.budget, entry)

    async def _pause_if_tried(self, chosen: Sequence[ColdEntry]) -> None:
        """Other processes load what was just tried and is still cold: they have its lease."""
        keys = [each.key for each in chosen]
        if keys == self.tried:
            await asyncio.sleep(PAUSE)
        self.tried = keys

    # --- comparing ----------------------------------------------------------------------------------

    async def _compare(self) -> bool:
        """Find the cold entries. False if nothing can be said."""
        stamp = await self.engine.ordering.begin()
        epoch = stamp.epoch if stamp is not None else ""
        is_due = time.monotonic() - self.read_at >= READ_EVERY
        if is_due or epoch != self.epoch or len(self.records) == MOST_RECORDS:
            self.epoch = epoch
            return await self._read_all()
        changed = self._changed_keys()
        # Entries that nobody reads, and that may wait, are not looked up again and again.
        waiting = [each for each in self.cold if each.key not in changed and self.loader.unread.is_put_off(each)]
        read = changed.union(each.key for each in self.cold).difference(each.key for each in waiting)
        return await self._read_some(read, waiting)

    async def _read_all(self) -> bool:
        self._changed_keys()
        self.targets, self.read_at = await read_hot_set(self.read_hottest), time.monotonic()
        hottest = [each.heat for each in self.targets.values() if each.heat > 0][:HOTTEST]
        self.hot_from = min(hottest, default=math.inf)
        self._fill_up()
        self.kinds = {key: self.kinds.get(key) or kind_of(each.target) for key, each in self.targets.items()}
        stored = await read_headers(self.engine.tiers, list(self.targets))
        if stored is None:
            return False
        for key, each in stored.items():
            self._note_replaced(key, self.stored.get(key), each)
        self.stored = stored
        keys_by_tag = defaultdict[str, list[str]](list)
        for key, each in stored.items():
            for tag in each.header.tags:
                keys_by_tag[tag].append(key)
        self.keys_by_tag = dict(keys_by_tag)
        self._take_room()
        self.cold = self._find_cold(self.targets)
        return True

    def _fill_up(self) -> None:
        for target in self.filling:
            if len(self.targets) >= MOST:
                return
            self.targets.setdefault(str(target), HotTarget(target, 0.0))

    async def _read_some(self, keys: Collection[str], waiting: Sequence[ColdEntry] = ()) -> bool:
        """`waiting`: cold entries that stay as they are."""
        if not keys:
            self.cold = list(waiting)
            return True
        stored = await read_headers(self.engine.tiers, list(keys))
        if stored is None:
            return False
        for key in keys:
            self._remember(key, stored.get(key))
        if self.budget.bytes is not None:
            self._take_room()
        self.cold = [*self._find_cold({key: self.targets[key] for key in keys}), *waiting]
        return True

    def _remember(self, key: str, each: StoredHeader | None) -> None:
        """Its tags may be others than before. Those that it had stay until all are read: they cost a read."""
        before = self.stored.pop(key, None)
        if each is None:
            return
        self._note_replaced(key, before, each)
        self.stored[key] = each
        known = before.header.tags if before is not None else ()
        for tag in set(each.header.tags).difference(known):
            self.keys_by_tag.setdefault(tag, []).append(key)

    def _note_replaced(self, key: str, before: StoredHeader | None, now: StoredHeader) -> None:
        if before is not None and before.header.made_at != now.header.made_at:
            replaced_at = min(before.header.fresh_until, now.header.made_at)
            self.loader.unread.add_replaced(key, before.header.made_at, replaced_at, mark_in(before.header))

    def _changed_keys(self) -> set[str]:
        """The entries with tags of the records that came since the last call."""
        self.has_records.clear()
        keys = set[str]()
        while self.records:
            record = self.records.popleft()
            if not record.is_readable:
                self.read_at = float("-inf")
            for tag in record.tags:
                keys.update(self.keys_by_tag.get(tag, ()), self.keys_by_tag.get(weak_tag(tag), ()))
        return keys

    def _find_cold(self, targets: Mapping[str, HotTarget]) -> list[ColdEntry]:
        should = {key: each.target for key, each in targets.items()}
        heat = {key: each.heat for key, each in targets.items()}
        return find_cold(self.stored, should, heat, HORIZON, self.engine.clock(), self.hot_from)

    def _take_room(self) -> None:
        """An entry that is not stored is taken to be as large as others, so the loads of one turn may exceed it."""
        self.room = Room(self.budget.bytes)
        sizes = {key: each.size for key, each in self.stored.items()}
        self.fitting = {key for key in self.targets if self.covers(key) and self.room.take(sizes.get(key))}


def may_load(loader: WarmLoader, budget: MemoryBudget, entry: ColdEntry) -> bool:
    """False while its next attempt is delayed, and for one that was evicted and is not read."""
    return loader.is_due(entry) and (entry.seen_at > 0 or budget.may_load(entry.key, entry.heat))
