"""Caches of querysets serve the same pages: plain querysets load the documents that the site's own SQL loads."""

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone

from content import resources
from content.documents import ALL_YEARS
from content.models import Author, Category, Post, PostViews, Tag
from tests.benchmarks.querysets.loaders import LOADERS, load_cards
from tests.support.blog import make_blog

pytestmark = pytest.mark.django_db


@pytest.fixture
def posts() -> list[Post]:
    posts = make_blog()
    for post in posts[::4]:
        Post.objects.filter(pk=post.pk).update(status="withdrawn")
    PostViews.objects.bulk_create(
        PostViews(post=post, total=number % 7, heat=number % 5 + 1, last_viewed_at=timezone.now())
        for number, post in enumerate(posts)
    )
    return posts


def load_both(name: str, *args):
    """The document by querysets, and the site's."""
    return async_to_sync(LOADERS[name])(*args), async_to_sync(resources.BY_NAME[name].load)(*args)


def test_posts_and_cards_are_the_same(posts):
    post = posts[1]
    by_querysets, by_the_site = load_both("post", "post", post.slug)
    assert by_querysets == by_the_site
    pks = [post.pk for post in posts]
    assert async_to_sync(load_cards)(pks) == async_to_sync(resources.post_card.load_many)(pks)


def test_lists_are_the_same(posts):
    now = timezone.localtime(posts[1].published_at)
    lists = [("all", 0), ("year", now.year), ("month", now.year * 100 + now.month)]
    for kind, model in {"category": Category, "tag": Tag, "author": Author}.items():
        lists += [(kind, term.pk) for term in model.objects.all()]
    for by, pk in lists:
        by_querysets, by_the_site = load_both("listing", by, pk, 1, 7)
        assert by_querysets == by_the_site, (by, pk)


@pytest.mark.parametrize(
    ("name", "args"), [("popular", ()), ("trending", ()), ("sidebar", ()), ("archive", (ALL_YEARS,))]
)
def test_what_stands_beside_pages_is_the_same(posts, name, args):
    by_querysets, by_the_site = load_both(name, *args)
    assert by_querysets == by_the_site


def test_neighbours_are_the_same(posts):
    for post in (posts[1], posts[9], posts[23]):
        by_querysets, by_the_site = load_both("neighbours", post.pk)
        assert (by_querysets.previous, by_querysets.next) == (by_the_site.previous, by_the_site.next)
