import contextvars
import functools
import gc
from collections.abc import Generator, Iterator

import pytest
import pytest_django
from _pytest import runner
from django.db import connection
from hypothesis import settings
from redis import utils as redis_utils

from content.caching.executor import LoadExecutor
from content.caching.ordering import log
from content.caching.read_counts import reads
from tests.support.databases import ON_POSTGRES, close_at_the_end
from tests.support.flush import QuickFlush
from tests.support.servers.postgres import running_postgres
from tests.support.servers.redis import RedisServer, running_redis
from tests.support.wait import READY_SECONDS

# No deadline for an example: machines differ. `make slow` tries more of them: --hypothesis-profile=thorough.
settings.register_profile("evergreen", deadline=None, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile("evergreen")

# It would be read from a file for each connection, which costs as much as the connection itself.
redis_utils.get_lib_version = functools.cache(redis_utils.get_lib_version)

# A busy machine needs longer to join a log than a site's readers may wait.
log.JOIN_TIMEOUT = READY_SECONDS

# Places of the tests that take longest, in the order in which they begin. One that began last would keep one worker
# waiting for another.
FIRST = (
    "project",
    "browser",
    "workers",
    "flows",
    "content/api",
    "faults",
    "content/admin/test_editor",
    "content/caching/test_s",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the places that take longest, and keep the order of all others."""
    ranks = [f"tests/{place}" for place in FIRST]
    items.sort(key=lambda item: next((rank for rank, place in enumerate(ranks) if item.nodeid.startswith(place)), 99))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Exclude imported modules and collected tests from garbage collection: they stay until the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Each test in a context of its own: asgiref walks through the whole of it whenever it changes threads.

    Django gives the caches a new context variable with every change of CACHES, and a context forgets none.
    """
    return contextvars.copy_context().run(runner.pytest_runtest_protocol, item, nextitem)


@pytest.fixture(autouse=True)
def see_rows_of_the_test(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run loads inside the transaction of a test, which is never committed."""
    marker = request.node.get_closest_marker("django_db")
    if marker is not None and not marker.kwargs.get("transaction"):
        monkeypatch.setattr(LoadExecutor, "isolated", False)


@pytest.fixture(autouse=True)
def count_from_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin each test as a process of readers that has read nothing.

    A worker or a command that ran in this process had excluded its reads, and its leases give way to readers.
    """
    monkeypatch.setattr(reads, "is_excluded", False)
    reads.counts, reads.found, reads.warmed = {}, {}, {}


@pytest.fixture(autouse=True)
def count_lists_at_once(request: pytest.FixtureRequest) -> None:
    """PostgreSQL counts at the commit, which a test that keeps its rows in a transaction never reaches."""
    marker = request.node.get_closest_marker("django_db")
    if ON_POSTGRES and marker is not None and not marker.kwargs.get("transaction"):
        request.getfixturevalue("db")
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS list_counts_added IMMEDIATE")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker) -> Iterator[None]:
    """The database of the tests. All connections to it are closed before it is dropped."""
    with close_at_the_end():
        with django_db_blocker.unblock():
            QuickFlush().install()
        yield


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One Redis for all tests of this process."""
    with running_redis() as server:
        yield server
        log.stop_logs()


@pytest.fixture
def fresh_redis(redis_server: RedisServer) -> str:
    """The URL of that Redis, emptied."""
    with redis_server.client() as client:
        client.flushall()
    return redis_server.url


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """For a test that changes Redis, or counts all that it does. Threads of other tests use the shared one."""
    with running_redis() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL database."""
    with running_postgres() as server:
        yield server.url
