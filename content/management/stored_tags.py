"""Which tags anything stored has: for commands, since it looks at every key of the shared tier."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.core.cache import BaseCache, caches
from redis.exceptions import RedisError

from content.caching.backends import RedisCache
from content.caching.backends.server import server_of
from content.caching.entry import Unreadable, unpack

# A header with its tags is at the beginning of an entry: more of it is not read.
LONGEST_HEADER = 64 * 1024
BATCH = 500
SECONDS = 10.0


def unused_tags(tags: Sequence[str], *, alias: str = "default", seconds: float = SECONDS) -> list[str] | None:
    """Those that no stored entry has. None if that cannot be known: no Redis, or not enough time."""
    cache = caches[alias]
    if not isinstance(cache, RedisCache):
        return None
    unused = dict.fromkeys(tags)
    deadline = time.monotonic() + seconds
    try:
        for found in tags_of_entries(cache, settings.CACHES[alias]):
            for tag in found:
                unused.pop(tag, None)
            if not unused:
                return []
            if time.monotonic() > deadline:
                return None
    except RedisError:
        return None
    return list(unused)


def tags_of_entries(cache: BaseCache, config: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    client = server_of(config["LOCATION"], config.get("OPTIONS") or {}).sync_client()
    batch: list[bytes] = []
    with client:
        for key in client.scan_iter(match=cache.make_key("*"), count=BATCH):
            batch.append(key)
            if len(batch) == BATCH:
                yield from tags_of(client, batch)
                batch.clear()
        yield from tags_of(client, batch)


def tags_of(client: Any, keys: Sequence[bytes]) -> Iterator[tuple[str, ...]]:
    pipe = client.pipeline(transaction=False)
    for key in keys:
        pipe.getrange(key, 0, LONGEST_HEADER)
    for content in pipe.execute(raise_on_error=False):
        try:
            yield unpack(content).header.tags
        except Unreadable:
            continue
