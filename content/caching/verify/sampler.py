"""Choose the entries to check, and when: those that carry the tags of a record, and others at random.

Entries of this process's memory are looked through in slices. The shared tier has no index by tag, so a process that
scans it keeps the tags of some of its keys. Every bound below is of one process.
"""

import asyncio
import heapq
import itertools
import random
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator
from typing import Any, NamedTuple

from ..backends import RedisCache
from ..backends.connection import connection_to
from ..engine import Engine
from ..headers import read_tags
from ..key import weak_tag
from ..stores.failsafe import Failsafe
from ..stores.shared import LEASE, RedisTier

# Seconds after a record at which an entry with its tags is checked.
DELAYS = (0.0, 1.0, 5.0, 60.0)
MOST_CHECKS = 2000
# Seconds after which a check is given up. Past the budget it is left to chance which are in time.
LATEST = 2.0


class Check(NamedTuple):
    """`due`: on the schedule's clock. `record`: the position of the record that led to it; "" for none."""

    due: float
    number: int
    key: str
    delay: float
    record: str


class Schedule:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._checks: list[Check] = []
        # A key that is invalidated again and again has one check of each delay.
        self._planned: set[tuple[str, float]] = set()
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._checks)

    def add(self, key: str, record: str = "", delays: tuple[float, ...] = DELAYS) -> int:
        """Returns how many checks found no room."""
        left_out, now = 0, self.clock()
        for delay in delays:
            if (key, delay) in self._planned:
                continue
            if len(self._checks) >= MOST_CHECKS:
                left_out += 1
                continue
            self._planned.add((key, delay))
            heapq.heappush(self._checks, Check(now + delay, next(self._numbers), key, delay, record))
        return left_out

    def take(self) -> Check | None:
        """The next that is due, without those that are too late."""
        while self._checks and self._checks[0].due <= self.clock():
            check = heapq.heappop(self._checks)
            self._planned.discard((check.key, check.delay))
            if self.clock() - check.due < LATEST:
                return check
        return None

    def seconds_to_next(self) -> float:
        return max(0.0, self._checks[0].due - self.clock()) if self._checks else float("inf")


# Entries of memory that are looked through for one batch of records, and in one turn of the loop.
MOST_LOOKED_AT = 5000
SLICE = 100
# Keys of the shared tier whose tags are known, and keys that are read at once.
MOST_KNOWN = 2000
SCANNED_AT_ONCE = 20


class Sampler:
    def __init__(self, engine: Engine, *, scans: bool, chance: random.Random | None = None) -> None:
        self.engine = engine
        self.chance = chance or random.Random()  # noqa: S311  # a sample, no secret
        self.scans = scans
        self.known: dict[str, tuple[str, ...]] = {}
        self._keys: AsyncIterator[Any] | None = None

    async def keys_with(self, tags: Iterable[str], most: int) -> list[str]:
        """Keys of entries that carry one of the tags, or its weak form: some of them, chosen at random."""
        wanted = {form for tag in tags for form in (tag, weak_tag(tag))}
        found, seen = list[str](), 0
        for number, (key, carried) in enumerate(self._entries()):
            if number % SLICE == SLICE - 1:
                await asyncio.sleep(0)
            if wanted.isdisjoint(carried):
                continue
            # Reservoir sampling: each has the same chance.
            seen += 1
            if len(found) < most:
                found.append(key)
            elif (place := self.chance.randrange(seen)) < most:
                found[place] = key
        return list(dict.fromkeys(found))

    def _entries(self) -> Iterator[tuple[str, Collection[str]]]:
        yield from list(self.known.items())
        memory = self.engine.memory
        if memory is None:
            return
        keys = list(memory.nodes)
        start = self.chance.randrange(len(keys)) if keys else 0
        for key in (keys[start:] + keys[:start])[:MOST_LOOKED_AT]:
            if (node := memory.nodes.get(key)) is not None:
                yield key, node.value.header.tags

    async def any_keys(self) -> list[str]:
        """One of memory, and one of the shared tier."""
        if self.scans:
            await self._scan()
        memory = self.engine.memory
        places = (list(memory.nodes) if memory is not None else [], list(self.known))
        return [self.chance.choice(keys) for keys in places if keys]

    async def scan(self, most: int) -> list[str]:
        """A sample of keys of the shared tier that hold entries: `count` of them, or all if there are fewer."""
        found = dict[str, None]()
        while len(found) < most and (keys := await self._next_keys()):
            found |= dict.fromkeys(await self._tags_of(keys))
        return list(found)[:most]

    async def _scan(self) -> None:
        keys = await self._next_keys()
        if not keys:
            self._keys = None
            return
        tags = await self._tags_of(keys)
        for key in keys:
            if key in tags:
                self.known[key] = tags[key]
            else:
                self.known.pop(key, None)
        while len(self.known) > MOST_KNOWN:
            del self.known[self.chance.choice(list(self.known))]

    async def _tags_of(self, keys: Collection[str]) -> dict[str, tuple[str, ...]]:
        """By key, of those that are stored. The values are not read: they are most of an entry's bytes."""
        return await read_tags(self.engine.tiers, list(keys)) or {}

    async def _next_keys(self) -> list[str]:
        """Empty at the end of the shared tier. Raises RedisError or OSError."""
        cache = self._cache()
        if cache is None:
            return []
        if self._keys is None:
            client = connection_to(cache.servers[0]).client
            self._keys = aiter(client.scan_iter(match=cache.make_key("*"), count=SCANNED_AT_ONCE))
        prefix, keys = cache.full_key("", None), list[str]()
        async for full_key in self._keys:
            key = full_key.decode(errors="replace").removeprefix(prefix)
            if "@" in key and not key.startswith(LEASE):
                keys.append(key)
            if len(keys) >= SCANNED_AT_ONCE:
                break
        return keys

    def _cache(self) -> RedisCache | None:
        shared = self.engine.shared
        tier = shared.tier if isinstance(shared, Failsafe) else shared
        return tier.cache if isinstance(tier, RedisTier) else None
