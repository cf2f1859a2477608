"""Tags as counters in the cache, for backends without a log: an entry is valid while its counters stand still.

Each tag has two counters, one that invalidates and one that expires, and beside them there is one for all, the
generation. It saves reading the tags' counters while nothing at all was invalidated, and it shows whether anything
was while a load ran. Why this loses no invalidation, which counts the generation first and then its tags:

1. A reader notes the generation before its loader reads the database.
2. When the loader is done, the reader reads the counters of the tags, and after them the generation.
3. If the generation moved since 1, some invalidation began during the load: the value is not kept.
4. If it did not, no invalidation has reached its tags before 2 that had not counted the generation before 1,
   hence committed its change before 1: the loader saw that change.
5. An invalidation that begins after 2 changes a counter that the entry carries.

A counter is never assumed: one that is missing (evicted, flushed) is set to the time, a number it never had
before, so entries that carry the lost one are not valid.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from asgiref.sync import sync_to_async
from django.core.cache import BaseCache

from ..entry import Header, Position, Stamp, Verdict
from ..errors import NotAppended
from ..key import WEAK, tag_key
from ..stores.shared import CacheTier, SharedTier
from .tag_index import Kind

GENERATION = "generation"
LOST = -1


class CounterOrdering:
    """An order of invalidations by counters in the cache itself.

    Reads cost a lookup more as soon as anything was invalidated.
    """

    is_local = False
    is_joining = False
    is_heard = True
    version = 0

    def __init__(self, tier: CacheTier, shared: SharedTier) -> None:
        """Invalidations are written to `tier`, which must raise errors. Reads go to `shared`, which is failsafe."""
        self.tier = tier
        self.shared = shared

    async def begin(self) -> Stamp | None:
        generation = (await self._read_counters([GENERATION])).get(GENERATION)
        return None if generation is None else Stamp(str(generation))

    async def seal(self, begun: Stamp, tags: Sequence[str]) -> Stamp | None:
        """Steps 2 and 3."""
        tags = _with_bases(tags)
        counters = await self._read_counters([*_both_keys(tags), GENERATION])
        versions = _versions_of(tags, counters)
        if str(counters.get(GENERATION)) != begun.epoch or any(LOST in pair for pair in versions.values()):
            return None
        return Stamp(begun.epoch, versions=versions)

    async def judge(self, headers: Sequence[Header]) -> list[Verdict]:
        generation = (await self.shared.numbers([GENERATION])).get(GENERATION)
        doubtful = [header for header in headers if header.stamp.epoch != str(generation)]
        tags = {tag for header in doubtful for tag in header.stamp.versions}
        found = _versions_of(tags, await self.shared.numbers(_both_keys(tags))) if tags else {}
        return [
            _compare_versions(header, found) if header.stamp.epoch != str(generation) else Verdict.VALID
            for header in headers
        ]

    def judge_now(self, header: Header) -> Verdict:
        raise NotImplementedError("counters are in the cache, and must be asked for")

    def covers(self, begun: Stamp) -> bool:
        """Not known without asking: loads that are overtaken are not kept, but may be shared while they run."""
        return True

    async def catch_up_to(self, position: Position) -> None:
        """Counters are read when they are needed: nobody is behind."""

    def catch_up_sync(self) -> None:
        pass

    async def _read_counters(self, keys: list[str]) -> dict[str, int]:
        found = await self.shared.numbers(keys)
        missing = [key for key in keys if not _is_count(found.get(key))]
        if not missing:
            return found
        for key in missing:
            if key in found:
                # Another program's value is no counter, and would stay for ever.
                await self.shared.evict(key)
            await self.shared.add_number(key, _unused_number())
        return await self.shared.numbers(keys)

    async def append(self, kind: Kind, tags: Iterable[str], nonce: str | None = None) -> Stamp | None:
        return await sync_to_async(self.append_sync, thread_sensitive=False)(kind, tags, nonce)

    def append_sync(self, kind: Kind, tags: Iterable[str], nonce: str | None = None) -> Stamp | None:
        """Raises NotAppended when the cache is out of reach: nothing was invalidated then, or not all."""
        keys = [tag_key(tag) if kind is Kind.INVALIDATE else _soft_key(tag) for tag in sorted(set(tags))]
        cache = self.tier.cache
        try:
            _increment(cache, GENERATION)
            # A tag that no entry carries has no counter, and needs none.
            for key in cache.get_many(keys):
                _increment(cache, key)
        except Exception as error:
            raise NotAppended(f"The cache did not count {', '.join(keys[:3])}: {error}") from error
        return None


def _soft_key(tag: str) -> str:
    return f"soft-{tag_key(tag)}"


def _both_keys(tags: Iterable[str]) -> list[str]:
    return [key for tag in tags for key in (tag_key(tag), _soft_key(tag))]


def _versions_of(tags: Iterable[str], counters: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    return {tag: (counters.get(tag_key(tag), LOST), counters.get(_soft_key(tag), LOST)) for tag in tags}


def _with_bases(tags: Iterable[str]) -> list[str]:
    """The tags, and those for which weak ones stand."""
    return list(dict.fromkeys([*tags, *(tag[1:] for tag in tags if tag.startswith(WEAK))]))


def _compare_versions(header: Header, found: Mapping[str, tuple[int, int]]) -> Verdict:
    """A tag that the entry does not carry is there because a weak one stands for it."""
    carried, answer = set(header.tags), Verdict.VALID
    for tag, made_with in header.stamp.versions.items():
        now = found.get(tag, (LOST, LOST))
        if tag in carried and now[0] != made_with[0]:
            return Verdict.INVALID
        if now != made_with:
            answer = Verdict.EXPIRED
    return answer


def _increment(counters: BaseCache, key: str) -> None:
    """Raises the error of a cache that does not answer. A value that is no counter is replaced by a new counter."""
    try:
        counters.incr(key)
    except Exception as error:
        found = counters.get(key)
        if _is_count(found) and not isinstance(error, ValueError):
            raise
        if found is None:
            counters.add(key, _unused_number(), timeout=None)
        else:
            counters.set(key, _unused_number(), timeout=None)


def _is_count(value: Any) -> bool:
    """Memcached counts no negative numbers."""
    return type(value) is int and value >= 0


def _unused_number() -> int:
    return time.time_ns() // 1000
