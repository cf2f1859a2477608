"""A scheduled post appears at its time, with no worker there to publish it."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from tests.support.blog import make_blog, make_post

pytestmark = pytest.mark.django_db


def test_it_appears_at_its_time_in_its_lists_and_by_its_own_path(client, moved_clock):
    cache.clear()
    make_blog(posts=3)
    make_post("soon", status="scheduled", published_at=timezone.now() + timedelta(seconds=600))
    assert client.get("/posts/soon/").status_code == 404
    for path in ("/", "/?page=1"):
        assert b"/posts/soon/" not in client.get(path).content
    moved_clock(590)
    assert client.get("/posts/soon/").status_code == 404
    assert b"/posts/soon/" not in client.get("/").content
    moved_clock(11)
    assert client.get("/posts/soon/").status_code == 200
    assert b"/posts/soon/" in client.get("/").content
    cache.clear()
