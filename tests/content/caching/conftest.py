from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import dj_database_url
import pytest
from django.core.cache import caches
from django.db import connections
from django.test import override_settings

from content.caching.backends.server import location_and_options
from content.caching.engines import engine_of
from content.caching.ordering.log_ordering import LogOrdering
from content.caching.testing import Clock
from tests.support.servers.cluster import Cluster, running_cluster
from tests.support.servers.memcached import MemcachedServer, running_memcached


@pytest.fixture
def clock() -> Clock:
    return Clock()


def memcached_alias(url: str) -> dict[str, Any]:
    return {
        "BACKEND": "content.caching.backends.MemcachedCache",
        "LOCATION": url.removeprefix("memcached://"),
        "KEY_PREFIX": f"contract-{next(numbers)}",
    }


def redis_alias(url: str) -> dict[str, Any]:
    location, options = location_and_options(url)
    return {
        "BACKEND": "content.caching.backends.RedisCache",
        "LOCATION": location,
        "KEY_PREFIX": f"contract-{next(numbers)}",
        "OPTIONS": options | {"SERIALIZER": "content.caching.serializer.MessagePackSerializer"},
    }


numbers = count()
LOCMEM = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "contract"}


BACKENDS: dict[str, Callable[[pytest.FixtureRequest], dict[str, Any]]] = {
    "locmem": lambda request: LOCMEM,
    "memcached": lambda request: memcached_alias(request.getfixturevalue("memcached_server").url),
    "redis": lambda request: redis_alias(request.getfixturevalue("redis_server").url),
    "cluster": lambda request: redis_alias(request.getfixturevalue("redis_cluster").url),
}


# The site's middleware asks for it.
SESSIONS = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "sessions of tests"}


@pytest.fixture(params=BACKENDS)
def alias(request: pytest.FixtureRequest, clock: Clock) -> Iterator[str]:
    """An empty cache of each backend in turn, as the alias "default", on the tests' clock."""
    with override_settings(CACHES={"default": BACKENDS[request.param](request), "sessions": SESSIONS}):
        caches["default"].clear()
        engine = engine_of("default")
        engine.clock = clock
        yield "default"
        caches["default"].clear()
        if isinstance(engine.ordering, LogOrdering):
            # It ends by itself, in a quarter of a second that no test needs to wait for.
            engine.ordering.log.stop(wait=False)


class Shelf:
    """A loader's world: what is there, how often it was asked, and what happens during a load."""

    def __init__(self) -> None:
        self.values: dict[Any, Any] = {}
        self.loads: list[Any] = []
        self.during: Callable[[], Any] | None = None


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture(scope="session")
def redis_cluster() -> Iterator[Cluster]:
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def memcached_server() -> Iterator[MemcachedServer]:
    with running_memcached() as server:
        yield server


@pytest.fixture
def postgres(postgres_server, django_db_blocker) -> Iterator[str]:
    """An alias of Django's for it."""
    own = connections.configure_settings({"default": {}, "postgres": dj_database_url.parse(postgres_server)})
    connections.settings["postgres"] = own["postgres"]
    with django_db_blocker.unblock():
        yield "postgres"
    del connections.settings["postgres"]
