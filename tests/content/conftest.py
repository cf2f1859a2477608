import time
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from content.caching.engines import engine_of
from content.caching.watch import relay
from content.caching.watch.models import WatchedChange
from content.models import Post
from tests.support.blog import make_blog
from tests.support.caches import redis_cache, use_cache


@pytest.fixture
def clean_cache():
    """Each test begins and ends with an empty cache."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def invalidated(monkeypatch, django_capture_on_commit_callbacks):
    """Run something as a transaction of its own; the tags that it invalidated after its commit."""

    def run(change) -> set[str]:
        WatchedChange.objects.all().delete()
        seen: set[str] = set()
        monkeypatch.setattr(relay, "invalidate_sync", seen.update)
        with django_capture_on_commit_callbacks(execute=True):
            change()
        return seen

    return run


@pytest.fixture
def blog() -> list[Post]:
    return make_blog()


@pytest.fixture
def site_on_redis(fresh_redis, settings, blog):
    """A blog whose pages are warmed for one origin, on a Redis."""
    settings.WARM_ORIGINS, settings.EDGE = ["http://testserver"], True
    with use_cache(redis_cache(fresh_redis), time.time):
        yield


@pytest.fixture
def moved_clock(monkeypatch):
    """Moves the time that loaders and entries see."""

    def move(seconds: float) -> None:
        real = timezone.now()
        later = real + timedelta(seconds=seconds)
        monkeypatch.setattr(timezone, "now", lambda: later)
        monkeypatch.setattr(engine_of("default"), "clock", later.timestamp)

    return move
