"""A survey before a purge: the stored entries that it touches, by their headers. No value is read."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

from django.core.cache import caches
from redis.exceptions import RedisError

from content.caching.backends import RedisCache
from content.caching.edge.page_store import KIND
from content.caching.engines import engine_of
from content.caching.entry import Header, Verdict
from content.caching.headers import StoredHeader, read_headers, wait_until_heard
from content.caching.key import WEAK
from content.caching.key_scan import STEP, scan_keys
from content.purging.scope import Item, Scope

ALIAS = "default"
# Seconds that a survey takes at most.
SECONDS = 10.0
# Tags that patterns may match in one purge.
MOST_MATCHED = 10_000
# Tags that are remembered: to name those near to a wrong one, and not to match one twice.
MOST_SEEN = 20_000
# Headers that are judged again after the purge.
MOST_SAMPLED = 1000


@dataclass
class Survey:
    """The entries that a purge touches. Those that were purged before, and would not change, are counted apart.

    touched      entries by resource; "page" for pages, of all releases
    in_passing   entries that show a part of it in passing: they become stale
    already      entries that were purged before, and are still stored
    matched      the tags that patterns have found
    found        how many entries each item names, those purged before too
    seen         tags of stored entries, to find those near to a wrong one
    is_complete  False if the time was up before all keys were seen: the counts are then the least
    """

    touched: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    in_passing: int = 0
    already: int = 0
    matched: dict[str, None] = field(default_factory=dict)
    found: Counter[Item] = field(default_factory=Counter)
    seen: set[str] = field(default_factory=set)
    sample: list[Header] = field(default_factory=list)
    is_complete: bool = True

    @property
    def pages(self) -> int:
        return self.touched[KIND.name]

    @property
    def entries(self) -> int:
        """Entries that are no pages."""
        return self.touched.total() - self.pages

    @property
    def has_too_many(self) -> bool:
        return len(self.matched) > MOST_MATCHED


async def survey(scope: Scope, *, soft: bool, seconds: float = SECONDS, alias: str = ALIAS) -> Survey | None:
    """None if nothing can be said: the cache is no Redis, or does not answer."""
    cache, engine = caches[alias], engine_of(alias)
    if not isinstance(cache, RedisCache) or not await wait_until_heard(engine.tiers):
        return None
    known, matcher, deadline = Survey(), Matcher(scope), time.monotonic() + seconds
    try:
        async for names in list_keys(cache):
            stored = await read_headers(engine.tiers, names)
            if stored is None:
                return None
            count(known, matcher, stored, soft=soft)
            if known.has_too_many:
                break
            if time.monotonic() > deadline:
                known.is_complete = False
                break
    except (RedisError, OSError):
        return None
    return known


async def list_keys(cache: RedisCache) -> AsyncIterator[list[str]]:
    """The names of stored keys, each once in a batch of STEP. The scan runs in a thread."""
    keys = scan_keys(cache)
    while batch := await asyncio.to_thread(lambda: list(islice(keys, STEP))):
        yield list(dict.fromkeys(name for _, name in batch))


class Matcher:
    """The items that name a tag."""

    def __init__(self, scope: Scope) -> None:
        self.patterns = [item for item in scope.items if item.pattern is not None]
        self.by_tag: dict[str, list[Item]] = {}
        for item in scope.items:
            for tag in item.tags:
                self.by_tag.setdefault(tag, []).append(item)
        # Matching takes longer than looking up: most entries share their tags.
        self.matching = lru_cache(MOST_SEEN)(self._match)

    def items_of(self, tag: str) -> list[Item]:
        named = self.by_tag.get(tag, [])
        return [*named, *self.matching(tag)] if self.patterns else named

    def _match(self, tag: str) -> list[Item]:
        return [item for item in self.patterns if item.pattern is not None and item.pattern.fullmatch(tag)]


def count(known: Survey, matcher: Matcher, stored: Mapping[str, StoredHeader], *, soft: bool) -> None:
    """Add a batch of stored entries to the survey."""
    for key, each in stored.items():
        tags = each.header.tags
        items = {item for tag in tags for item in matcher.items_of(tag)}
        if len(known.seen) < MOST_SEEN:
            known.seen.update(tags)
        if not items:
            known.in_passing += any(matcher.items_of(tag[1:]) for tag in tags if tag.startswith(WEAK))
            continue
        known.found.update(items)
        if matcher.patterns:
            known.matched |= dict.fromkeys(tag for tag in tags if matcher.matching(tag))
        if each.verdict is Verdict.INVALID or (soft and each.verdict is Verdict.EXPIRED):
            known.already += 1
            continue
        known.touched[key.partition("@")[0]] += 1
        known.bytes += each.size
        if len(known.sample) < MOST_SAMPLED:
            known.sample.append(each.header)
