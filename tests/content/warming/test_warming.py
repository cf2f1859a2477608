"""Warming: plans, runs, and reports that count only what was read back."""

import re

import pytest
from asgiref.sync import sync_to_async
from django.test import override_settings
from django.utils import timezone

from content import resources, warming
from content.caching import invalidate
from content.caching.queries import count_queries
from content.caching.read_counts import reads
from content.models import Post, PostViews
from content.warming import steps
from content.warming.plan import plan_popular, plan_url
from content.warming.targets import Target
from tests.support.blog import make_blog

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_cache")]

PATHS = ["/", "/?page=3", "/posts/post-24/", "/categories/news/", "/tags/green/", "/authors/ann/"]
OTHERS = [
    "/archive/", "/popular/", "/trending/", "/feed.xml", "/atom.xml", "/sitemap.xml", "/tags/green/feed.xml",
    "/authors/ann/atom.xml",
]  # fmt: skip


@pytest.fixture
def blog() -> list[Post]:
    """More posts than the 20 newest."""
    return make_blog()


def keys_of(plan: list[Target]) -> list[str]:
    """Keys without the schema of their resource."""
    return [re.sub("@[a-z2-7]{8}:", ":", str(target)) for target in plan]


async def test_the_popular_are_the_front_page_the_newest_20_and_the_most_viewed(blog):
    await PostViews.objects.acreate(post=blog[24], total=5, heat=1.0)
    plan = keys_of(await plan_popular())
    assert plan[:5] == ["site:", "sidebar:", "popular:", "trending:", "listing:all,0,1,10"]
    assert [f"post:post,post-{number}" in plan for number in (0, 19, 20, 23, 24)] == [
        True,
        True,
        False,
        False,
        True,
    ]


async def test_after_everything_was_warmed_no_page_does_sql(async_client, blog):
    report = await warming.warm_chosen(everything=True)
    assert report.failures == {}
    for path in PATHS + OTHERS:
        with count_queries() as queries:
            assert (await async_client.get(path)).status_code == 200
        assert (path, queries.statements) == (path, [])


async def test_fresh_entries_are_left_alone(blog):
    first, second = await warming.warm_chosen(everything=True), await warming.warm_chosen(everything=True)
    assert first.warmed == first.total
    assert (second.warmed, second.already_fresh) == (0, first.total)


async def test_a_site_of_a_thousand_posts_takes_a_few_queries_for_each_batch(settings, monkeypatch):
    """As in the process of a command. On a busy machine a batch may take longer than a lease of a reader's load."""
    monkeypatch.setattr(reads, "is_excluded", True)
    settings.WARM_ORIGINS = []
    await sync_to_async(make_blog)(1000)
    with count_queries() as queries:
        report = await warming.warm_chosen(everything=True)
    assert report.failures == {}
    assert report.total > 5000
    assert queries.count <= 140


async def test_a_catalogue_that_is_too_long_to_keep_is_read_twice_and_warmed_once(blog, settings, monkeypatch):
    settings.WARM_ORIGINS = ["http://testserver"]
    whole = await warming.warm_chosen(everything=True)
    await invalidate(["resource:page"])
    monkeypatch.setattr(steps, "KEPT", 3)
    again = await warming.warm_chosen(everything=True)
    assert (again.total, again.pages) == (whole.total, whole.pages)
    assert again.failures == {}


async def test_only_entries_read_back_fresh_are_reported_as_warmed(blog):
    with override_settings(CACHES={"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}):
        report = await warming.warm_chosen()
    assert report.warmed == 0
    assert report.failed == report.total > 40


async def test_one_that_fails_is_named_and_stops_no_other(blog, monkeypatch):
    async def broken() -> list[int]:
        raise RuntimeError("no such table")

    monkeypatch.setattr(resources.popular, "load", broken)
    report = await warming.warm_chosen()
    assert report.failures == {resources.popular.key(()): "RuntimeError: no such table"}
    assert report.warmed + report.already_fresh == report.total - 1


async def test_a_post_deleted_after_planning_is_not_there(blog):
    plan = [Target(resources.post, ("post", "post-1"))]
    await blog[1].adelete()
    report = await warming.warm(plan)
    assert (report.not_there, report.failures) == (1, {})


async def test_the_archives_of_the_year_and_the_month_are_warmed(async_client, blog):
    await warming.warm_chosen(everything=True)
    newest = timezone.localdate(blog[0].published_at)
    for path in (f"/archive/{newest:%Y}/", f"/archive/{newest:%Y/%m}/"):
        with count_queries() as queries:
            assert (await async_client.get(path)).status_code == 200
        assert queries.statements == []


async def test_an_archive_is_planned_by_its_path(blog):
    assert keys_of(await plan_url("/archive/2018/05/"))[-1] == "listing:month,201805,1,10"
    assert keys_of(await plan_url("/archive/2018/"))[-2:] == ["archive:2018", "listing:year,2018,1,10"]


@pytest.mark.parametrize("path", [*PATHS[:1], *PATHS[2:], *OTHERS[:6]])
async def test_a_page_is_planned_by_its_path(async_client, blog, path):
    await warming.warm(await plan_url(path))
    with count_queries() as queries:
        await async_client.get(path)
    # Cards and posts in a list are entries of their own; the list alone is what the path names.
    assert queries.count <= 6


@pytest.mark.parametrize(
    "path", ["", "posts", "/posts/", "/posts//", "/admin/", "//", "/categories/none/", "\0", "/posts/a/feed.xml"]
)
async def test_a_path_that_is_no_page_is_refused_with_words(blog, path):
    with pytest.raises(LookupError, match=r"is no page|There is no"):
        await plan_url(path)
