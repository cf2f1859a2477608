import time

import pytest

from content.warming import run_lease
from tests.support.blog import make_blog
from tests.support.caches import redis_cache, use_cache


@pytest.fixture
def site_on_redis(fresh_redis, settings):
    """A blog whose pages are warmed for one origin, on a Redis."""
    settings.WARM_ORIGINS, settings.EDGE = ["http://testserver"], True
    make_blog()
    with use_cache(redis_cache(fresh_redis), time.time):
        yield


@pytest.fixture
def quick_lease(monkeypatch):
    monkeypatch.setattr(run_lease, "SECONDS", 0.5)
