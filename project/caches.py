"""Django's CACHES from cache URLs: the backend, its location, and that of its invalidation log."""

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

# Django's default of 300 is too few for the pages and tags of a small site.
LOCAL_ENTRIES = 10_000

# Aliases that have variables of their own.
RESERVED_ALIASES = ("default", "sessions", "local")


def cache_settings(
    url: str, log_url: str, memory: int, redis_options: dict[str, Any], variable: str = "CACHE_URL"
) -> dict[str, Any]:
    """BACKEND, LOCATION and OPTIONS.

    url             the value of `variable`
    log_url         the Redis that keeps the log, best one that does not evict. If empty, a Redis cache keeps its own
                    log; another cache has none, and its tags are counters.
    memory          bytes of the memory tier of each process
    redis_options   options of every kind of Redis
    """
    scheme = urlsplit(url).scheme
    backend = BACKENDS.get(scheme)
    if backend is None:
        raise ImproperlyConfigured(
            f"{variable} begins with {scheme!r}; it can begin with {', '.join(sorted(BACKENDS))}."
        )
    log = {"LOG": log_url} if log_url else {}
    if backend == REDIS:
        location, options = location_and_options(url)
        return backend_settings(backend, location, options | redis_options | log | {"MEMORY": memory})
    if backend == MEMCACHED:
        return backend_settings(backend, split_servers(url), log | {"MEMORY": memory})
    options = log | {"MEMORY": memory} if log and scheme == "locmem" else {}
    return backend_settings(backend, urlsplit(url).netloc, {"MAX_ENTRIES": LOCAL_ENTRIES} | options)


def parse_named_urls(variable: str, text: str) -> dict[str, str]:
    """Parse `pages=redis://host/1 counts=locmem://counts`. Blanks separate them, because a URL may have commas."""
    urls: dict[str, str] = {}
    for part in text.split():
        name, equals, url = part.partition("=")
        if not equals or not name.isidentifier() or name in RESERVED_ALIASES or name in urls:
            raise ImproperlyConfigured(
                f"{variable} has {part!r}; it is name=url, each name once and none of {', '.join(RESERVED_ALIASES)}."
            )
        urls[name] = url
    return urls


def sibling_url(url: str, name: str) -> str:
    """The URL of a second cache on the same server. Prefixes separate the two, but locmem needs another name."""
    return f"{url}-{name}" if urlsplit(url).scheme == "locmem" else url


def is_redis(url: str) -> bool:
    return BACKENDS.get(urlsplit(url).scheme) == REDIS


def backend_settings(backend: str, location: str | list[str], options: dict[str, Any]) -> dict[str, Any]:
    return {"BACKEND": backend, "LOCATION": location, "OPTIONS": options}


def split_servers(url: str) -> list[str]:
    """memcached://host:11211,host2:11211 or memcached:///path/to/socket"""
    parts = urlsplit(url)
    if not parts.netloc:
        return [f"unix:{parts.path}"]
    return [server if ":" in server else f"{server}:11211" for server in parts.netloc.split(",")]
