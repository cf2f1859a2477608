"""Warming of pages at the edge, for the edges of all processes."""

import pytest
from django.core.handlers.asgi import ASGIHandler

from content import warming
from content.caching import invalidate
from content.caching.edge import EdgeCache
from content.caching.edge.page import url_key
from content.models import Post, Redirect
from content.warming import targets
from content.warming.plan import plan_popular, plan_url
from content.warming.targets import Target
from project.edge import site_profile
from tests.support.blog import make_blog

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_cache", "blog")]

ORIGIN = "http://testserver"


@pytest.fixture
def blog() -> list[Post]:
    """More posts than the 20 newest."""
    return make_blog()


@pytest.fixture(autouse=True)
def origins(settings):
    settings.WARM_ORIGINS = [ORIGIN]
    settings.EDGE = True


@pytest.fixture
def views() -> list[str]:
    return []


@pytest.fixture
def reader(views):
    """The edge of another process: it has the same tiers, and calls a view only for a miss."""
    edge = EdgeCache(
        ASGIHandler(), cache="default", profile=site_profile(), served=lambda page: views.append(page.url)
    )

    async def read_cache_status(path: str) -> str:
        headers = []

        async def send(message):
            headers.extend(message.get("headers", ()))

        scope = targets.scope_of(ORIGIN + path)
        scope["headers"] = [(b"host", b"testserver")]
        await edge(scope, None, send)
        return dict(headers)[b"cache-status"].decode()

    return read_cache_status


def list_paths(plan: list[Target]) -> list[str]:
    return [target.parameters[0].removeprefix(ORIGIN) for target in plan if target.resource is targets.pages]


async def test_the_first_reader_of_a_warm_page_runs_no_view(reader):
    report = await warming.warm_chosen()
    assert report.failures == {}
    for path in ("/", "/posts/post-0/", "/feed.xml", "/archive/"):
        assert "; hit" in await reader(path)


async def test_the_popular_pages_are_those_of_the_popular_posts():
    paths = list_paths(await plan_popular())
    assert paths[0] == "/"
    assert ("/posts/post-19/" in paths, "/posts/post-20/" in paths) == (True, False)


async def test_a_page_is_planned_after_its_entries():
    assert str((await plan_url("/posts/post-3/"))[-1]) == url_key(f"{ORIGIN}/posts/post-3/")


async def test_expired_pages_are_rendered_again_and_fresh_pages_are_left_alone(reader):
    await warming.warm(await plan_url("/posts/post-3/"))
    assert (await warming.warm(await targets.plan_pages(["/posts/post-3/"]))).already_fresh == 1
    await invalidate(["posts"])
    assert await targets.pages.fresh_for(f"{ORIGIN}/posts/post-3/") == 0
    # With the rankings beside it: made of stale ones it would be stale.
    report = await warming.warm(await plan_url("/posts/post-3/"))
    assert (report.warmed > 0, report.failures) == (True, {})
    assert await targets.pages.fresh_for(f"{ORIGIN}/posts/post-3/") > 0
    assert "; hit" in await reader("/posts/post-3/")


async def test_a_missing_page_is_no_failure():
    report = await warming.warm(await targets.plan_pages(["/posts/nowhere/"]))
    assert (report.not_there, report.failures) == (1, {})


async def test_warming_counts_no_views(reader, views, monkeypatch):
    monkeypatch.setattr(targets.edge().fast_path, "served", lambda page: views.append(page.url))
    await warming.warm(await targets.plan_pages(["/posts/post-3/"]))
    assert views == []
    await reader("/posts/post-3/")
    assert views == [f"{ORIGIN}/posts/post-3/"]


async def test_an_application_that_fails_is_a_failure_with_its_name(monkeypatch):
    async def broken(scope, receive, send):
        raise RuntimeError("no template")

    monkeypatch.setattr(targets.edge().origin, "app", broken)
    report = await warming.warm(await targets.plan_pages(["/posts/post-3/"]))
    assert report.failures == {url_key(f"{ORIGIN}/posts/post-3/"): "RuntimeError: no template"}


async def test_each_origin_has_pages_of_its_own(settings):
    settings.WARM_ORIGINS = ["https://example.org", "https://www.example.org"]
    assert list(map(str, await targets.plan_pages(["/"], also="https://example.org"))) == [
        url_key("https://example.org/"),
        url_key("https://www.example.org/"),
    ]


async def test_where_nobody_says_how_readers_come_or_there_is_no_edge_no_page_is_planned(settings):
    settings.WARM_ORIGINS = []
    assert await targets.plan_pages(["/"]) == []
    settings.WARM_ORIGINS, settings.EDGE = [ORIGIN], False
    assert await targets.plan_pages(["/"]) == []


async def test_the_limit_of_the_api_does_not_count_the_sites_own_requests(settings):
    settings.API_A_MINUTE = 3
    paths = [f"/api/v1/posts/post-{number}/" for number in range(20)]
    report = await warming.warm(await targets.plan_pages(paths))
    assert (report.warmed, report.failures) == (20, {})


async def test_an_old_path_is_a_hit_until_its_redirect_is_deleted(reader):
    await Redirect.objects.acreate(old_path="/posts/old/", new_path="/posts/post-3/")
    report = await warming.warm(await targets.plan_pages(["/posts/old/"]))
    assert (report.warmed, report.failures) == (1, {})
    assert "; hit" in await reader("/posts/old/")
    await Redirect.objects.all().adelete()
    assert "; hit" not in await reader("/posts/old/")
