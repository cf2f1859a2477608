from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import BaseCache, caches
from django.test import override_settings

from content.caching.backends.server import location_and_options
from tests.support.caches import redis_cache
from tests.support.servers.redis import RedisServer

OpenCache = Callable[..., BaseCache]


@pytest.fixture
def open_cache() -> Iterator[OpenCache]:
    """Open a cache by URL and OPTIONS, with the test's own key prefix."""
    settings: list[Any] = []

    def open_url(url: str, prefix: str | None = None, **options: Any) -> BaseCache:
        timeouts = {"SOCKET_TIMEOUT": 1.0, "SOCKET_CONNECT_TIMEOUT": 1.0}
        config = redis_cache(url, prefix, **timeouts | location_and_options(url)[1] | options)
        settings.append(override_settings(CACHES={"default": config}))
        settings[-1].enable()
        return caches["default"]

    yield open_url
    for each in reversed(settings):
        each.disable()


@pytest.fixture
def cache(open_cache: OpenCache, redis_server: RedisServer) -> BaseCache:
    return open_cache(redis_server.url)
