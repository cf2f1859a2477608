"""Entries that nobody reads are warmed less: one whose warmed versions ended unread is loaded again later.

After PATIENCE versions in a row that nobody read, the next load is put off, twice as long for each further version.
A load is never put off for so long that a reader is likely to come meanwhile, by the entry's heat, nor past the time
up to which the stored value may be served stale. An entry that somebody reads, or loads, is warmed at once again. The
hottest entries are warmed at once in any case, if they are read at all.
"""

import heapq
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from content.caching.metrics.events import measure
from content.caching.warm_plan import WarmPlan, plan_of
from content.caching.warmed_reads import digest_of
from content.warming.cold import ColdEntry

PATIENCE = 3
# Seconds that the first load is put off, and the most.
FIRST, LONGEST = 15.0, 600.0
# Reads that may be expected meanwhile, at most.
EXPECTED = 0.5
# Seconds before its end in which a stale value is loaded again.
MARGIN = 30.0
# Seconds after which all processes have reported what they read of a version that has ended.
SETTLED_AFTER = 12.0
# Entries that are remembered, about 300 bytes each. Of more, those that ended last.
MOST = 50_000


class ReadVersions(Protocol):
    async def were_read(self, digests: Sequence[bytes], /) -> list[bool]: ...


@dataclass(slots=True)
class Ended:
    """The last version of an entry that has ended. `made_at` is in Unix seconds, `put_off_until` monotonic."""

    made_at: float
    # Versions in a row that nobody has read.
    unread: int = 0
    put_off_until: float = float("-inf")


class UnreadEntries:
    """`versions`: says which versions were read; None where nothing counts reads: then no load is put off."""

    def __init__(
        self,
        versions: ReadVersions | None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.versions = versions
        self.clock = clock
        self.wall_clock = wall_clock
        self.ended: OrderedDict[str, Ended] = OrderedDict()
        # A heap of versions whose readers have yet to be reported: when they can be judged, key, time made, mark.
        self.unsettled: list[tuple[float, str, float, int]] = []

    def is_put_off(self, entry: ColdEntry) -> bool:
        """Whether its load shall wait. Call it for each entry that is found cold."""
        if self.versions is None or not entry.seen_at:
            return False
        known = self.ended.get(entry.key)
        if known is None or known.made_at != entry.seen_at:
            known = self._add(entry, known)
        return self.clock() < known.put_off_until

    async def settle(self) -> None:
        """Judge the versions whose readers have been reported by now. Raises RedisError or OSError."""
        now, due = self.clock(), list[tuple[float, str, float, int]]()
        while self.unsettled and self.unsettled[0][0] <= now:
            due.append(heapq.heappop(self.unsettled))
        if not due or self.versions is None:
            return
        were_read = await self.versions.were_read([digest_of(key, made_at) for _, key, made_at, _ in due])
        for (_, key, _, mark), was_read in zip(due, were_read, strict=True):
            self._judge(key, plan_of(mark), was_read=was_read)

    def _add(self, entry: ColdEntry, known: Ended | None) -> Ended:
        """A version that was not seen to end before."""
        plan, unread = plan_of(entry.mark), known.unread if known is not None else 0
        ended = self.ended[entry.key] = Ended(entry.seen_at, unread)
        self.ended.move_to_end(entry.key)
        while len(self.ended) > MOST:
            self.ended.popitem(last=False)
        if not plan:
            # Loaded by a reader, or for one.
            ended.unread = 0
            return ended
        delay = self._delay(entry, ended.unread)
        if delay > 0:
            ended.put_off_until = self.clock() + delay
            measure("warm_put_off", entry.target.resource.name, 1, entry.plan.label)
            measure("warm_put_off_seconds", entry.target.resource.name, delay, entry.plan.label)
        if plan is not WarmPlan.PARTS and len(self.unsettled) < MOST:
            # One that is loaded at once ends now, though it may be fresh for a while.
            settles_at = self.clock() + min(delay, entry.fresh_for) + SETTLED_AFTER
            heapq.heappush(self.unsettled, (settles_at, entry.key, entry.seen_at, entry.mark))
        return ended

    def _delay(self, entry: ColdEntry, unread: int) -> float:
        """Seconds, 0 to load at once."""
        if unread < PATIENCE or (entry.is_hot and entry.heat * LONGEST > EXPECTED):
            return 0.0
        delay = min(FIRST * 2.0 ** min(unread - PATIENCE, 30), LONGEST)
        if entry.heat > 0:
            delay = min(delay, EXPECTED / entry.heat)
        if entry.served_until:
            delay = min(delay, entry.served_until - MARGIN - self.wall_clock())
        return max(0.0, delay)

    def _judge(self, key: str, plan: WarmPlan, *, was_read: bool) -> None:
        known = self.ended.get(key)
        if was_read:
            if known is not None:
                known.unread, known.put_off_until = 0, float("-inf")
            return
        measure("warmed_unread", key.partition("@")[0], 1, plan.label)
        if known is not None:
            known.unread += 1
