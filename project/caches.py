"""From CACHE_URL to Django's CACHES: which backend, where, and where its invalidation log is."""

from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from content.caching.backends.server import location_and_options

REDIS = "content.caching.backends.RedisCache"
MEMCACHED = "content.caching.backends.MemcachedCache"
BACKENDS = {
    "redis": REDIS,
    "rediss": REDIS,
    "unix": REDIS,
    "redis+sentinel": REDIS,
    "rediss+sentinel": REDIS,
    "redis+cluster": REDIS,
    "rediss+cluster": REDIS,
    "memcached": MEMCACHED,
    "locmem": "django.core.cache.backends.locmem.LocMemCache",
    "dummy": "django.core.cache.backends.dummy.DummyCache",
}

# Django keeps 300, which the pages of a small site and their tags are more than.
LOCAL_ENTRIES = 10_000


def cache_of(url: str, log_url: str, memory: int, redis_options: dict[str, Any]) -> dict[str, Any]:
    """BACKEND, LOCATION and OPTIONS.

    log_url         the Redis that keeps the log, best one that does not evict; "": the cache's own, where that is
                    a Redis, else none, and tags are counters in the cache
    memory          bytes of each process's memory tier
    redis_options   for every kind of Redis
    """
    scheme = urlsplit(url).scheme
    backend = BACKENDS.get(scheme)
    if backend is None:
        raise ImproperlyConfigured(
            f"CACHE_URL begins with {scheme!r}; it can begin with {', '.join(sorted(BACKENDS))}."
        )
    log = {"LOG": log_url} if log_url else {}
    if backend == REDIS:
        location, options = location_and_options(url)
        return described(backend, location, options | redis_options | log | {"MEMORY": memory})
    if backend == MEMCACHED:
        return described(backend, memcached_places(url), log | {"MEMORY": memory})
    return described(backend, urlsplit(url).netloc, {"MAX_ENTRIES": LOCAL_ENTRIES})


def described(backend: str, location: str | list[str], options: dict[str, Any]) -> dict[str, Any]:
    return {"BACKEND": backend, "LOCATION": location, "OPTIONS": options}


def memcached_places(url: str) -> list[str]:
    """memcached://host:11211,host2:11211 or memcached:///path/to/socket"""
    parts = urlsplit(url)
    if not parts.netloc:
        return [f"unix:{parts.path}"]
    return [place if ":" in place else f"{place}:11211" for place in parts.netloc.split(",")]
