"""Remove the entries that only old releases read.

A release has ended if no process has announced it for three minutes. For an hour a rollback finds its entries, judged
by every invalidation since; but not beside two releases that live, or a newer one that has ended, nor while Redis is
short of memory. Keys of other programs are of no announced kind, and stay.
"""

import logging
import time
from collections.abc import Mapping

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

# Seconds since its last announcement, after which a release has ended: three announcements.
LIVES = 180.0
# Seconds since its last announcement for which an ended release is kept for a rollback.
KEPT = 3600.0
# Releases whose entries are kept: those that live, and ended ones if there are fewer. So two copies of a site at most
# wait for a rollback and serve.
MOST_RELEASES = 2
# The share of maxmemory from which on no ended release is kept. Warming fills as much.
FULL = 0.8
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
    old = find_old(releases, own_digest(), time.time(), is_full=_is_full(registry))
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


def find_old(releases: Mapping[str, Announced], own: str, now: float, *, is_full: bool) -> set[str]:
    """The digests of the ended releases that are not kept for a rollback: the newest are, if any."""
    ended = [digest for digest, each in releases.items() if digest != own and each.at < now - LIVES]
    newest = sorted(ended, key=lambda digest: -releases[digest].at)
    living = len({own, *releases}) - len(ended)
    kept = 0 if is_full else max(0, MOST_RELEASES - living)
    return {digest for place, digest in enumerate(newest) if place >= kept or releases[digest].at < now - KEPT}


def _is_full(registry: ReleaseRegistry) -> bool:
    """Whether Redis is short of memory. False for a cluster, whose nodes each have their own."""
    if registry.server.cluster:
        return False
    with registry.server.sync_client() as client:
        info = client.info("memory")
    maximum = int(info.get("maxmemory", 0))
    return maximum > 0 and int(info.get("used_memory", 0)) > FULL * maximum


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
