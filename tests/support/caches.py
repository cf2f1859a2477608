"""Django caches of the tests: one dictionary of settings a cache, and a block that uses it as "default"."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from django.core.cache import caches
from django.test import override_settings

from content.caching.backends.server import location_and_options
from content.caching.engines import engine_of
from content.caching.metrics.reports import reporting
from content.caching.ordering.ordering import LogOrdering

LOCMEM: dict[str, Any] = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "tests"}
# The site's middleware asks for it.
SESSIONS = LOCMEM | {"LOCATION": "sessions of tests"}

# A cluster takes several times as long as one Redis. Most promises are repeated there by `slow` tests only.
CLUSTER = pytest.param("cluster", marks=pytest.mark.slow)
on_every_cache = pytest.mark.parametrize("alias", ["locmem", "memcached", "redis", "cluster"], indirect=True)
with_a_log = pytest.mark.parametrize("alias", ["redis", CLUSTER], indirect=True)

numbers = count()
NEW_PREFIX = "test-"


def new_prefix() -> str:
    """A key prefix that no other test of this process has."""
    return f"{NEW_PREFIX}{next(numbers)}"


def redis_cache(url: str, prefix: str | None = None, **options: Any) -> dict[str, Any]:
    """The URL may have options of its own, and name sentinels or a cluster."""
    location, more = location_and_options(url)
    serializer = {"SERIALIZER": "content.caching.serializer.MessagePackSerializer"}
    return {
        "BACKEND": "content.caching.backends.RedisCache",
        "LOCATION": location,
        "KEY_PREFIX": prefix or new_prefix(),
        "OPTIONS": serializer | more | options,
    }


def memcached_cache(url: str) -> dict[str, Any]:
    return {
        "BACKEND": "content.caching.backends.MemcachedCache",
        "LOCATION": url.removeprefix("memcached://"),
        "KEY_PREFIX": new_prefix(),
    }


@contextmanager
def use_cache(cache: dict[str, Any], clock: Callable[[], float]) -> Iterator[str]:
    """Empty it and make it the alias "default", whose engine has this clock; the name of the alias."""
    with override_settings(CACHES={"default": cache, "sessions": SESSIONS}):
        # Before the engine: a new engine stores what this process reports.
        caches["default"].clear()
        engine = engine_of("default")
        engine.clock = clock
        try:
            yield "default"
        finally:
            if isinstance(engine.ordering, LogOrdering):
                # It ends by itself, in a quarter of a second that no test needs to wait for.
                engine.ordering.log.stop(wait=False)
            if cache.get("KEY_PREFIX", "").startswith(NEW_PREFIX):
                drop_last_report()


def drop_last_report() -> None:
    """Stop the reporter of this process. It would report once more, and nobody reads the keys of this test again."""
    reporter = reporting.reporter
    if reporter is not None:
        reporter.stopping.set()
        if reporter.client is not None:
            reporter.client.close()
