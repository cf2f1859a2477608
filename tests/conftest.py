from collections.abc import Iterator

import pytest

from tests.support.servers.postgres import running_postgres
from tests.support.servers.redis import RedisServer, running_redis


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One Redis for all tests of this process."""
    with running_redis() as server:
        yield server


@pytest.fixture
def fresh_redis(redis_server: RedisServer) -> str:
    """The URL of that Redis, emptied."""
    with redis_server.client() as client:
        client.flushall()
    return redis_server.url


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL database."""
    with running_postgres() as url:
        yield url
