"""Choose entries: those that carry the tags of a record, and others at random.

Entries of this process's memory are looked through in slices. The shared tier has no index by tag, so a process that
scans it keeps the tags of some of its keys. Every bound below is of one process.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Collection, Iterable, Iterator
from typing import Any

from ..backends import RedisCache
from ..backends.connection import connection_to
from ..edge.page_store import PageKey
from ..engine import Engine
from ..key import weak_tag
from ..stores.failsafe import Failsafe
from ..stores.shared import LEASE, RedisTier

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
        """So many keys of the shared tier that hold entries, or all if there are fewer."""
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
        stored = await self.engine.tiers.lookup([PageKey(key) for key in keys], again=True)
        return {key: value.header.tags for key, value in stored.items()}

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
