from collections.abc import Iterator

import pytest
from django.core.cache import cache

from content.limits.limit import local
from content.models import Post
from tests.support.blog import make_blog


@pytest.fixture(autouse=True)
def clean_cache() -> Iterator[None]:
    """And nobody has asked anything within the last minute."""
    cache.clear()
    local.times.clear()
    local.count = 0
    yield
    cache.clear()


@pytest.fixture
def blog() -> list[Post]:
    return make_blog()
