"""Tags as counters in the cache: an entry is valid while the counters of all its tags are what they were.

Beside the tags' own counters there is one for all, the generation. It saves reading the tags' counters
while nothing at all was invalidated, and it shows whether anything was while a load ran. Why this loses
no invalidation, which counts the generation first and then its tags:

1. A reader notes the generation before its loader reads the database.
2. When the loader is done, the reader reads the counters of the tags, and after them the generation.
3. If the generation moved since 1, some invalidation began during the load: the value is not stored.
4. If it did not, no invalidation has reached its tags before 2 that had not counted the generation
   before 1, hence committed its change before 1: the loader saw that change.
5. An invalidation that begins after 2 changes a counter that the entry carries.

A counter is never assumed: one that is missing (evicted, flushed) is set to the time, a number it never
had before, so entries that carry the lost one are not valid.
"""

import logging
import time
from collections.abc import Iterable, Mapping

from asgiref.sync import sync_to_async
from django.core.cache import BaseCache, caches

from content.caching.errors import TooManyTags
from content.caching.keys import tag_key
from content.caching.store import Store

logger = logging.getLogger("content.caching")

GENERATION = "generation"
MOST_TAGS = 128


def bounded_tags(tags: Iterable[str]) -> tuple[str, ...]:
    unique = tuple(sorted(set(tags)))
    if len(unique) > MOST_TAGS:
        raise TooManyTags(f"{len(unique)} tags, {unique[0]!r} among them; an entry may carry {MOST_TAGS}.")
    return unique


async def read_generation(store: Store) -> int | None:
    """The generation now; None while the cache does not answer."""
    return (await read_counters(store, [GENERATION])).get(GENERATION)


async def read_versions(store: Store, tags: Iterable[str]) -> tuple[dict[str, int], int | None]:
    """The counters of the tags, and the generation read after them."""
    keys = {tag: tag_key(tag) for tag in tags}
    counters = await read_counters(store, [*keys.values(), GENERATION])
    versions = {tag: counters[key] for tag, key in keys.items() if key in counters}
    return versions, counters.get(GENERATION)


async def read_counters(store: Store, keys: list[str]) -> dict[str, int]:
    found = await store.lookup(keys)
    missing = [key for key in keys if key not in found]
    if not missing:
        return found
    for key in missing:
        await store.add(key, never_used_before())
    return await store.lookup(keys)


def are_current(versions: Mapping[str, int], found: Mapping[str, object]) -> bool:
    return all(found.get(tag_key(tag)) == version for tag, version in versions.items())


def never_used_before() -> int:
    return time.time_ns() // 1000


def invalidate_sync(tags: Iterable[str], *, cache: str = "default") -> None:
    """What was loaded before this call and depends on one of the tags is not served again.

    Call it after the commit. Raises what the cache raises when it is out of reach: nothing was
    invalidated then, or not all.
    """
    unique = sorted(set(tags))
    if not unique:
        return
    counters = caches[cache]
    count(counters, GENERATION)
    # A tag that no entry carries has no counter, and needs none.
    for key in counters.get_many([tag_key(tag) for tag in unique]):
        count(counters, key)


def count(counters: BaseCache, key: str) -> None:
    try:
        counters.incr(key)
    except ValueError:
        counters.add(key, never_used_before(), timeout=None)


async def invalidate(tags: Iterable[str], *, cache: str = "default") -> None:
    """As invalidate_sync."""
    await sync_to_async(invalidate_sync, thread_sensitive=False)(tags, cache=cache)
