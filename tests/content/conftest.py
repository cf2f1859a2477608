from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from content.caching.engines import engine_of
from content.models import Post
from tests.support.blog import make_blog


@pytest.fixture
def clean_cache():
    """Nothing is kept of the tests before, and nothing is left to those after."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def blog() -> list[Post]:
    return make_blog()


@pytest.fixture
def moved_clock(monkeypatch):
    """Moves the time that loaders and entries see."""

    def move(seconds: float) -> None:
        real = timezone.now()
        later = real + timedelta(seconds=seconds)
        monkeypatch.setattr(timezone, "now", lambda: later)
        monkeypatch.setattr(engine_of("default"), "clock", later.timestamp)

    return move
