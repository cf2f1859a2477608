"""Loads that nobody would read are put off: of entries that nobody reads, and of those that change more often.

**Unread.** After PATIENCE versions in a row that nobody read, the next load is put off, twice as long for each
further version. A load is never put off for so long that a reader is likely to come meanwhile, by the entry's heat,
nor past the time up to which the stored value may be served stale. An entry that somebody reads, or loads, is warmed
at once again. The hottest entries are warmed at once in any case, if they are read at all.

**Changing.** An entry that ends again and again, and may be served stale, is put off if its next version is likely to
end unread. Its reads and its ends come at random, so the chance of a read before the end is heat / (heat + ends a
second). Seconds in which it is stale do not count. No reader waits: the first one gets the stale value, and with it
the entry is loaded for the next.
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
# The chance of a read at which a changing entry is loaded at once; else so many reads may be expected meanwhile.
ENOUGH, EXPECTED_STALE = 0.8, 4.0
# Ends of late that make an entry a changing one, and the seconds in which the weight of an end halves.
OFTEN, HALF_LIFE = 1.5, 600.0
# Seconds that a version counts as fresh, at least and at most: a quiet night tells nothing of the morning.
SHORTEST_LIFE, LONGEST_LIFE = 1.0, 300.0
# Seconds before its end in which a stale value is loaded again.
MARGIN = 30.0
# Seconds after which all processes have reported what they read of a version that has ended.
SETTLED_AFTER = 12.0
# The most entries that are remembered, about 300 bytes each. Those that ended last stay.
MOST = 50_000


class ReadVersions(Protocol):
    async def were_read(self, digests: Sequence[bytes], /) -> list[bool]: ...


@dataclass(slots=True)
class Ended:
    """The last version of an entry that has ended. `made_at` is in Unix seconds; `at`, when the end was seen, and
    `put_off_until` are monotonic. `ends`: versions that ended; `lived`: seconds that they were fresh, all together.
    Both have a half-life.
    """

    made_at: float
    at: float
    lived: float
    ends: float = 1.0
    # Versions in a row that nobody has read.
    unread: int = 0
    put_off_until: float = float("-inf")
    # Whether it waits since it changes often: a read does not end that.
    is_changing: bool = False


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
            known = self._add(entry)
        return self.clock() < known.put_off_until

    def add_replaced(self, key: str, made_at: float, replaced_at: float, mark: int) -> None:
        """A version that another has replaced before it was found cold. Times are in Unix seconds."""
        known = self.ended.get(key)
        if self.versions is None or (known is not None and known.made_at >= made_at):
            return
        self._end(key, made_at, replaced_at - made_at, mark)
        self._settle_later(key, made_at, mark, SETTLED_AFTER)

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

    def _add(self, entry: ColdEntry) -> Ended:
        """A version that was not seen to end before."""
        ended = self._end(entry.key, entry.seen_at, self.wall_clock() + entry.fresh_for - entry.seen_at, entry.mark)
        changing = changing_delay(entry, ended)
        ended.is_changing = changing > 0
        delay = self._bound(entry, max(changing, unread_delay(entry, ended.unread)))
        if delay > 0:
            ended.put_off_until = self.clock() + delay
            measure("warm_put_off", entry.target.resource.name, 1, entry.plan.label)
            measure("warm_put_off_seconds", entry.target.resource.name, delay, entry.plan.label)
        # One that is loaded at once ends now, though it may be fresh for a while.
        self._settle_later(entry.key, entry.seen_at, entry.mark, min(delay, entry.fresh_for) + SETTLED_AFTER)
        return ended

    def _end(self, key: str, made_at: float, lived: float, mark: int) -> Ended:
        """`lived`: seconds for which it was fresh."""
        known = self.ended.get(key)
        ended = self.ended[key] = Ended(made_at, self.clock(), min(max(lived, SHORTEST_LIFE), LONGEST_LIFE))
        if known is not None:
            weight = 2.0 ** -((ended.at - known.at) / HALF_LIFE)
            ended.ends += known.ends * weight
            ended.lived += known.lived * weight
            # One that was loaded by a reader, or for one, ends the row.
            ended.unread = known.unread if plan_of(mark) else 0
        self.ended.move_to_end(key)
        while len(self.ended) > MOST:
            self.ended.popitem(last=False)
        return ended

    def _settle_later(self, key: str, made_at: float, mark: int, seconds: float) -> None:
        if plan_of(mark) not in (WarmPlan.NONE, WarmPlan.PARTS) and len(self.unsettled) < MOST:
            heapq.heappush(self.unsettled, (self.clock() + seconds, key, made_at, mark))

    def _bound(self, entry: ColdEntry, delay: float) -> float:
        """The delay, no longer than until the stored value is no longer served."""
        left = entry.served_until - MARGIN - self.wall_clock() if entry.served_until else delay
        return max(0.0, min(delay, left))

    def _judge(self, key: str, plan: WarmPlan, *, was_read: bool) -> None:
        known = self.ended.get(key)
        if was_read:
            if known is not None:
                known.unread = 0
                if not known.is_changing:
                    known.put_off_until = float("-inf")
            return
        measure("warmed_unread", key.partition("@")[0], 1, plan.label)
        if known is not None:
            known.unread += 1


def unread_delay(entry: ColdEntry, unread: int) -> float:
    """Seconds for an entry of which so many versions in a row were not read."""
    if unread < PATIENCE or (entry.is_hot and entry.heat * LONGEST > EXPECTED):
        return 0.0
    return min(FIRST * 2.0 ** min(unread - PATIENCE, 30), until_reads(entry, EXPECTED))


def changing_delay(entry: ColdEntry, ended: Ended) -> float:
    """Seconds for an entry that may be served stale, and ends as often as its last versions did."""
    ends_a_second = ended.ends / ended.lived
    if not entry.served_until or ended.ends < OFTEN or entry.heat >= ENOUGH * (entry.heat + ends_a_second):
        return 0.0
    return until_reads(entry, EXPECTED_STALE)


def until_reads(entry: ColdEntry, expected: float) -> float:
    """Seconds in which so many reads are expected, LONGEST at most."""
    return min(expected / entry.heat, LONGEST) if entry.heat > 0 else LONGEST
