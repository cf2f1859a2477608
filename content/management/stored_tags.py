"""The tags of stored entries. It reads every key of the shared tier, so only commands use it."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.core.cache import BaseCache, caches
from redis.exceptions import RedisError

from content.caching.backends import RedisCache
from content.caching.backends.server import server_of
from content.caching.entry import Unreadable, unpack

# Bytes. A header with its tags stands at the beginning of an entry; the rest is not read.
MAX_HEADER = 64 * 1024
BATCH = 500
SECONDS = 10.0


def find_unused_tags(tags: Sequence[str], *, alias: str = "default", seconds: float = SECONDS) -> list[str] | None:
    """Those that no stored entry has. None if that is unknown: without Redis, or after `seconds`."""
    cache = caches[alias]
    if not isinstance(cache, RedisCache):
        return None
    unused = dict.fromkeys(tags)
    deadline = time.monotonic() + seconds
    try:
        for entry_tags in read_tags(cache, settings.CACHES[alias]):
            for tag in entry_tags:
                unused.pop(tag, None)
            if not unused:
                return []
            if time.monotonic() > deadline:
                return None
    except RedisError:
        return None
    return list(unused)


def read_tags(cache: BaseCache, config: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    client = server_of(config["LOCATION"], config.get("OPTIONS") or {}).sync_client()
    batch: list[bytes] = []
    with client:
        for key in client.scan_iter(match=cache.make_key("*"), count=BATCH):
            batch.append(key)
            if len(batch) == BATCH:
                yield from tags_of_keys(client, batch)
                batch.clear()
        yield from tags_of_keys(client, batch)


def tags_of_keys(client: Any, keys: Sequence[bytes]) -> Iterator[tuple[str, ...]]:
    pipe = client.pipeline(transaction=False)
    for key in keys:
        pipe.getrange(key, 0, MAX_HEADER)
    for content in pipe.execute(raise_on_error=False):
        try:
            yield unpack(content).header.tags
        except Unreadable:
            continue
