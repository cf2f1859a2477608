"""Remove the entries that only old releases read.

A release is old if no process has announced it for an hour: until then a rollback finds its entries, judged by every
invalidation since. Keys of other programs are of no announced kind, and stay.
"""

import logging
import time

from django.conf import settings
from django.core.cache import caches
from redis.exceptions import RedisError

from .backends import RedisCache
from .declarations import cache_aliases
from .engines import engine_of
from .key_scan import STEP, scan_keys
from .refresh_queue import PAGES, RefreshQueue
from .release_registry import Announced, ReleaseRegistry, kind_of, own_digest, own_kinds, registries

logger = logging.getLogger("content.caching")

# Seconds since its last announcement, after which a release is old.
KEPT = 3600.0
# Seconds between two steps, in which Redis answers others.
PAUSE = 0.01
# Seconds that one call may take. Later calls remove what it leaves, or it expires.
LONGEST = 120.0


def remove_old_releases() -> int:
    """Returns how many entries it has removed. In caches that are no Redis they expire."""
    removed, deadline = 0, time.monotonic() + LONGEST
    for alias in sorted(cache_aliases() & set(settings.CACHES)):
        cache = caches[alias]
        engine_of(alias)
        registry = registries.get(cache.key_prefix or "cache")
        if isinstance(cache, RedisCache) and registry is not None:
            try:
                removed += _remove_from(cache, registry, deadline)
            except (RedisError, OSError) as error:
                logger.warning("Entries of old releases are not removed now, and expire by themselves: %s", error)
    return removed


def _remove_from(cache: RedisCache, registry: ReleaseRegistry, deadline: float) -> int:
    releases = registry.read()
    old = {digest for digest, each in releases.items() if _is_old(digest, each)}
    if not old:
        return 0
    living = own_kinds().union(*(each.kinds for digest, each in releases.items() if digest not in old))
    gone = frozenset[str]().union(*(releases[digest].kinds for digest in old)) - living
    removed, is_complete = remove_kinds(cache, gone, deadline)
    if is_complete:
        with registry.server.sync_client() as client:
            for digest in old:
                prefix = cache.key_prefix or "cache"
                client.unlink(*RefreshQueue(registry.server, prefix, digest).keys)
                client.unlink(*RefreshQueue(registry.server, prefix, digest, PAGES).keys)
        registry.forget(old)
    return removed


def _is_old(digest: str, announced: Announced) -> bool:
    return digest != own_digest() and announced.at < time.time() - KEPT


def remove_kinds(cache: RedisCache, gone: frozenset[str], deadline: float) -> tuple[int, bool]:
    """Unlink the keys of those kinds, in small steps. Returns how many, and whether it has looked at all keys.

    `deadline`: by the monotonic clock. Raises RedisError or OSError.
    """
    removed = 0
    if not gone:
        return 0, True
    with cache.servers[0].sync_client() as client:
        for number, (key, name) in enumerate(scan_keys(cache), 1):
            if kind_of(name) in gone:
                removed += client.unlink(key)
            if number % STEP == 0:
                if time.monotonic() > deadline:
                    return removed, False
                time.sleep(PAUSE)
    return removed, True
