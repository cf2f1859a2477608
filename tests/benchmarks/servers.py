"""A Redis for the benchmark, and the settings that each contender's own documentation advises."""

import os
from typing import Any

import django
from django.conf import settings

VALUE = {"title": "A post", "body": "warm and fresh " * 20, "tags": ["a", "b", "c"], "views": 12345}

OURS = "content.caching.backends.RedisCache"
DJANGO_REDIS = "django_redis.cache.RedisCache"
CACHEX = "django_cachex.cache.RedisCache"
VCACHE = "django_vcache.backend.ValkeyCache"

OPTIONS: dict[str, Any] = {
    "SERIALIZER": "content.caching.serializer.MessagePackSerializer",
    "SOCKET_TIMEOUT": 5.0,
    "SOCKET_CONNECT_TIMEOUT": 5.0,
}


def configure(url: str, large_url: str) -> None:
    """The same Redis and serializer for all; "large" is another, for what fills one."""
    os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "false")
    caches: dict[str, Any] = {
        "default": {"BACKEND": OURS, "LOCATION": url, "KEY_PREFIX": "bench", "OPTIONS": OPTIONS},
        "large": {"BACKEND": OURS, "LOCATION": large_url, "KEY_PREFIX": "bench", "OPTIONS": OPTIONS},
        "django_redis": {"BACKEND": DJANGO_REDIS, "LOCATION": url, "KEY_PREFIX": "bench", "OPTIONS": OPTIONS},
    }
    try:
        import django_cachex  # noqa: F401
    except ImportError:
        pass
    else:
        caches["cachex"] = {
            "BACKEND": CACHEX,
            "LOCATION": url,
            "KEY_PREFIX": "cachex",
            "OPTIONS": {"max_connections": 300},
        }
    try:
        # Its driver is written in Rust. It needs CPython 3.12.
        import django_vcache  # noqa: F401
    except ImportError:
        pass
    else:
        caches["vcache"] = {"BACKEND": VCACHE, "LOCATION": url, "KEY_PREFIX": "vcache"}
    settings.configure(CACHES=caches, INSTALLED_APPS=[], USE_TZ=True, SECRET_KEY="benchmark")
    django.setup()
