from collections.abc import Callable, Iterator
from typing import Any

import dj_database_url
import pytest
from django.core.cache import caches
from django.db import connections

from content.caching.testing import Clock
from tests.support.caches import CLUSTER, LOCMEM, memcached_cache, redis_cache, use_cache
from tests.support.servers.cluster import Cluster, running_cluster
from tests.support.servers.memcached import MemcachedServer, running_memcached
from tests.support.source import Source


@pytest.fixture
def clock() -> Clock:
    return Clock()


BACKENDS: dict[str, Callable[[pytest.FixtureRequest], dict[str, Any]]] = {
    "locmem": lambda request: LOCMEM,
    "memcached": lambda request: memcached_cache(request.getfixturevalue("memcached_server").url),
    "redis": lambda request: redis_cache(request.getfixturevalue("redis_server").url),
    "cluster": lambda request: redis_cache(request.getfixturevalue("redis_cluster").url),
}


@pytest.fixture(params=[CLUSTER if name == "cluster" else name for name in BACKENDS])
def alias(request: pytest.FixtureRequest, clock: Clock) -> Iterator[str]:
    """An empty cache of each backend in turn, as the alias "default", on the tests' clock."""
    with use_cache(BACKENDS[request.param](request), clock) as name:
        yield name
        caches[name].clear()


@pytest.fixture
def source() -> Source:
    return Source()


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
