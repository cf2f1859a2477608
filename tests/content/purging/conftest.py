"""A warm site for all tests of a module: to warm it takes longer than what most of them do with it."""

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
import pytest_django
from django.test import TransactionTestCase, override_settings

from content.models import Post, Purge
from tests.support.blog import make_blog
from tests.support.caches import redis_cache, use_cache
from tests.support.flush import empty_other_tables
from tests.support.servers.redis import RedisServer
from tests.support.warming.everything import warm_everything_sync

ORIGIN = "http://testserver"


class Site(NamedTuple):
    """`url`: of its Redis. Its posts are in turn in the categories `news` and `notes`."""

    url: str
    posts: list[Post]


@pytest.fixture(scope="module")
def module_site(
    redis_server: RedisServer, django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker
) -> Iterator[Site]:
    """12 posts. The tables are emptied after the last test of the module, not after each."""
    settings = {"WARM_ORIGINS": [ORIGIN], "EDGE": True, "ALLOWED_HOSTS": ["testserver"]}
    with redis_server.client() as client:
        client.flushall()
    flush = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]
    TransactionTestCase._fixture_teardown = lambda case: None  # type: ignore[attr-defined]
    with django_db_blocker.unblock(), override_settings(**settings):
        try:
            posts = make_blog(12)
            with use_cache(redis_cache(redis_server.url), time.time):
                yield Site(redis_server.url, posts)
        finally:
            TransactionTestCase._fixture_teardown = flush  # type: ignore[attr-defined]
            empty_other_tables()


@pytest.fixture
def quiet_site(module_site: Site, transactional_db: None) -> str:
    """The URL of its Redis. There is no row of a purge. Entries that the last test has purged are cold."""
    Purge.objects.all().delete()
    return module_site.url


@pytest.fixture
def warm(quiet_site: str) -> Callable[[], None]:
    return warm_everything_sync


@pytest.fixture
def site(quiet_site: str, warm: Callable[[], None]) -> str:
    """The same, warm: what the last test has purged is warmed again."""
    warm()
    return quiet_site


@pytest.fixture
def posts(module_site: Site) -> list[Post]:
    return module_site.posts
