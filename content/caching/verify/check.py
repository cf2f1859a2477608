"""Check one entry: what readers get as fresh must be what the database gives.

1. Read each tier as a client would. An entry that is stale or absent is not checked.
2. Load past the cache. If the values are the same, the entry is consistent.
3. Else await what is on its way: loads of the key, rows of the outbox, and the log up to its end.
4. Read and load again. It is inconsistent only if the same entry was fresh before and after, and both loads agree: by
   then each commit that the first load saw has its record in what this process knows.
5. Report it, invalidate its own tags, and load it anew.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from enum import Enum

from redis.exceptions import RedisError

from ..cutoff import PastCache
from ..entry import Header, Position
from ..errors import CacheError
from ..executor import LoadExecutor
from ..key import WEAK
from ..metrics.events import emit, measure
from ..ordering.ordering import LogOrdering
from ..ordering.stream import format_position
from ..ordering.tag_index import Record
from .findings import FindingStore, Inconsistency
from .hard_records import HardRecords
from .past_cache import Budget, PastCacheLoader
from .subject import Comparable, Loaded, Reading, Subject, describe_difference, is_same

logger = logging.getLogger("content.caching")

ATTEMPTS = 3
# One load runs at a time; checks that wait for something else need not hold up others.
CHECKS_AT_ONCE = 3
# Seconds to wait for loads of the key that run, and between two looks.
LONGEST_WAIT, LOOK_EVERY = 5.0, 0.02
# Seconds between two repairs of a key, and repairs that are remembered.
REPAIR_EVERY, MOST_REPAIRED = 60.0, 1000
# Records that a report looks through, and shows.
RECORDS_READ, RECORDS_SHOWN = 500, 8
# Seconds of the longest pause before the budget is looked at again.
LONGEST_PAUSE = 5.0

# Waits until each commit that is visible now has been relayed to the log. Whether that came to be.
Settle = Callable[[], Awaitable[bool]]


async def settle_by_time() -> bool:
    """The bound for projects without an outbox: a writer announces its change within a second."""
    await asyncio.sleep(1.0)
    return True


class Result(Enum):
    CONSISTENT = "consistent"
    NOT_FRESH = "no tier has it fresh"
    LEFT_OUT = "the site leaves it out"
    MATCHED = "memory has what the shared tier has"
    INCONSISTENT = "inconsistent"
    UNSETTLED = "it changed again and again"
    NOT_LOADED = "it could not be loaded"


class Checker:
    """`loads_always`: False to load only what memory and the shared tier have different values of."""

    def __init__(
        self,
        ordering: LogOrdering,
        *,
        budget: Budget | None,
        findings: FindingStore,
        settle: Settle,
        comparable: Comparable,
        loads_always: bool,
    ) -> None:
        self.ordering = ordering
        self.budget = budget
        self.findings = findings
        self.settle = settle
        self.comparable = comparable
        self.loads_always = loads_always
        self.hard_records = HardRecords()
        self.loader = PastCacheLoader()
        # It waits on a connection of its own, so that loads need not wait for it.
        self.settling = LoadExecutor(max_loads=CHECKS_AT_ONCE)
        self.repaired_at: dict[str, float] = {}

    async def close(self) -> None:
        await self.loader.close()
        await self.settling.close()

    async def check(self, subject: Subject, record: str = "") -> tuple[Result, Inconsistency | None]:
        readings = await subject.read()
        for tier in readings:
            if (found := await self._served_though_invalid(subject, tier, readings[tier])) is not None:
                return await self._report(subject, readings[tier], *found, record)
        fresh = {tier: reading for tier, reading in readings.items() if reading.is_fresh}
        if not fresh:
            return Result.NOT_FRESH, None
        if any(each.header.there and self.comparable(subject.key, each.value) is None for each in fresh.values()):
            return Result.LEFT_OUT, None
        if not self.loads_always and len(fresh) == 2 and len({each.content for each in fresh.values()}) == 1:
            emit("matched", subject.name, subject.key, tier="memory")
            return Result.MATCHED, None
        if await self._await_budget():
            return await self.check(subject, record)
        if (loaded := await self._load(subject)) is None:
            return Result.NOT_LOADED, None
        result: tuple[Result, Inconsistency | None] = (Result.CONSISTENT, None)
        for tier, reading in fresh.items():
            if self._is_same(subject, reading, loaded):
                emit("checked", subject.name, subject.key, tier=tier)
            elif result[0] is Result.CONSISTENT:
                result = await self._confirm(subject, tier, record)
        return result

    # --- loading --------------------------------------------------------------------------------------

    async def _await_budget(self) -> bool:
        """Whether it had to wait."""
        has_waited = False
        while self.budget is not None and (pause := await self.budget.seconds_to_wait()) > 0:
            has_waited = True
            await asyncio.sleep(min(pause, LONGEST_PAUSE))
        return has_waited

    async def _load(self, subject: Subject) -> Loaded | None:
        """None if it cannot be loaded, or be compared."""
        load = PastCache()
        try:
            return await self.loader.load(subject.load, load)
        except (RedisError, OSError):
            raise
        except Exception as error:
            emit("unverified", subject.name, subject.key, reason=type(error).__name__)
            logger.debug("%s is not checked, because it cannot be loaded: %s", subject.key, error)
            return None
        finally:
            measure("verify_seconds", subject.name, load.seconds)
            if self.budget is not None:
                await self.budget.charge(load.seconds)

    def _is_same(self, subject: Subject, one: Reading | Loaded, other: Loaded) -> bool:
        return is_same(self.comparable, subject.key, one, other)

    # --- suspicions -----------------------------------------------------------------------------------

    async def _served_though_invalid(self, subject: Subject, tier: str, reading: Reading) -> tuple[str, str] | None:
        """Whether the records themselves invalidate it, whatever the verdict was.

        They are read twice: one may come in between.
        """
        if self.hard_records.against(reading.header) is None:
            return None
        again = (await subject.read()).get(tier)
        if again is None or not again.is_of_same_entry(reading):
            return None
        against = self.hard_records.against(again.header)
        if against is None:
            return None
        return "it is served though it was invalidated", f"{against[0]} by record {format_position(against[1])}."

    async def _confirm(self, subject: Subject, tier: str, record: str) -> tuple[Result, Inconsistency | None]:
        for _ in range(ATTEMPTS):
            if not await self._await_loads(subject):
                continue
            before = (await subject.read()).get(tier)
            if before is None or not before.is_fresh:
                return Result.NOT_FRESH, None
            first = await self._load(subject)
            if first is None:
                return Result.NOT_LOADED, None
            if self._is_same(subject, before, first):
                emit("checked", subject.name, subject.key, tier=tier)
                return Result.CONSISTENT, None
            if not (await self.settling.run(self.settle) and await self._catch_up()):
                continue
            second = await self._load(subject)
            # No await between the last word on the entry and this verdict.
            after = (await subject.read()).get(tier)
            if after is None or not after.is_fresh:
                return Result.NOT_FRESH, None
            if second is None or not before.is_of_same_entry(after) or not self._is_same(subject, first, second):
                continue
            emit("checked", subject.name, subject.key, tier=tier)
            difference = describe_difference(after, second)
            return await self._report(subject, after, "it differs from the database", difference, record)
        emit("unsettled", subject.name, subject.key, tier=tier)
        return Result.UNSETTLED, None

    async def _await_loads(self, subject: Subject) -> bool:
        """Loads of all processes hold the key's lease."""
        end = time.monotonic() + LONGEST_WAIT
        while await subject.is_loading():
            if time.monotonic() > end:
                return False
            await asyncio.sleep(LOOK_EVERY)
        return True

    async def _catch_up(self) -> bool:
        """Whether this process has read what is in the log now."""
        log = self.ordering.log
        position = await asyncio.to_thread(log.stream.last_position)
        await log.catch_up_to(position)
        return log.tag_index.tail >= position and log.tag_index.is_heard

    # --- reports --------------------------------------------------------------------------------------

    async def _report(
        self, subject: Subject, reading: Reading, reason: str, difference: str, record: str
    ) -> tuple[Result, Inconsistency]:
        header, tail = reading.header, self.ordering.tag_index.tail
        emit("inconsistent", subject.name, subject.key, tier=reading.tier, reason=reason)
        lines = await self._log_around(header)
        found = Inconsistency(
            at=time.time(),
            key=subject.key,
            resource=subject.name,
            tier=reading.tier,
            reason=reason,
            difference=difference,
            tags=header.tags,
            epoch=header.stamp.epoch,
            position=format_position(header.stamp.position),
            tail=format_position(tail),
            record=record,
            log=lines,
            repaired=await self._repair(subject),
        )
        await self.findings.add(found)
        return Result.INCONSISTENT, found

    async def _log_around(self, header: Header) -> tuple[str, ...]:
        records = await self.ordering.log.stream.newest_records(RECORDS_READ)
        tags = {form for tag in header.tags for form in (tag, tag.removeprefix(WEAK))}
        own = [record for record in records if not tags.isdisjoint(record.tags)][:RECORDS_SHOWN]
        near = sorted(records, key=lambda record: _distance(record, header.stamp.position))[: RECORDS_SHOWN // 2]
        shown = {record.position: record for record in (*own, *near)}
        return tuple(_describe(shown[position], tags) for position in sorted(shown))

    async def _repair(self, subject: Subject) -> bool:
        """Seldom for one key: a loader that gives other values each time must not load the database."""
        now = time.monotonic()
        if now - self.repaired_at.pop(subject.key, float("-inf")) < REPAIR_EVERY:
            return False
        self.repaired_at[subject.key] = now
        if len(self.repaired_at) > MOST_REPAIRED:
            del self.repaired_at[next(iter(self.repaired_at))]
        try:
            await subject.repair()
        except CacheError as error:
            logger.warning("%s was found inconsistent, and is not repaired: %s", subject.key, error)
            return False
        except Exception:
            logger.exception("%s was found inconsistent, and is not repaired.", subject.key)
            return False
        return True


def _distance(record: Record, position: Position) -> int:
    return abs(record.position[0] - position[0])


def _describe(record: Record, tags: set[str]) -> str:
    """Its tags, those of the entry first, in a line."""
    ordered = sorted(record.tags, key=lambda tag: tag not in tags)
    more = f" and {len(ordered) - 5} more" if len(ordered) > 5 else ""
    return f"{format_position(record.position)} {record.kind.name.lower()} {', '.join(ordered[:5])}{more}"
