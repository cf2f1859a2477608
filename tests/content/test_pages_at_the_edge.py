"""Pages, feeds and sitemaps behind the edge: kept, asked again by their validators, ended by what they show."""

import asyncio

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.core.cache import cache
from django.core.handlers.asgi import ASGIHandler

from content.caching.edge import EdgeCache
from content.models import Redirect
from project.edge import site_profile
from tests.support.blog import make_blog, make_post

pytestmark = pytest.mark.django_db(transaction=True)

FEEDS = ["/feed.xml", "/atom.xml", "/categories/news/feed.xml", "/tags/green/atom.xml", "/authors/ann/feed.xml"]
XML = [*FEEDS, "/sitemap.xml"]
PATHS = [*XML, "/archive/", "/popular/", "/trending/", "/robots.txt"]


@pytest.fixture
def blog():
    cache.clear()
    yield make_blog()
    cache.clear()


@pytest.fixture
async def reader(blog):
    edge = EdgeCache(ASGIHandler(), cache="default", profile=site_profile())

    async def is_stored(response: httpx.Response) -> None:
        while tasks := edge.engine.loop_state().tasks:
            await asyncio.wait(set(tasks))

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=edge), base_url="http://testserver", event_hooks={"response": [is_stored]}
    ) as client:
        yield client


def is_hit(response: httpx.Response) -> bool:
    return "; hit" in response.headers["Cache-Status"]


async def misses(reader: httpx.AsyncClient, paths: list[str]) -> set[str]:
    return {path for path in paths if not is_hit(await reader.get(path))}


async def save(row, **values) -> None:
    for name, value in values.items():
        setattr(row, name, value)
    await sync_to_async(row.save)()


@pytest.mark.parametrize("path", PATHS)
async def test_it_is_kept_and_answers_head_and_conditional_requests(reader, path):
    first = await reader.get(path)
    assert first.status_code == 200
    again = await reader.get(path)
    assert is_hit(again)
    assert again.content == first.content
    head = await reader.head(path)
    assert (head.status_code, head.content, head.headers["ETag"]) == (200, b"", first.headers["ETag"])
    for condition in (
        {"If-None-Match": first.headers["ETag"]},
        {"If-Modified-Since": first.headers["Last-Modified"]},
    ):
        response = await reader.get(path, headers=condition)
        assert (response.status_code, response.content) == (304, b"")
    assert (await reader.get(path, headers={"If-None-Match": '"other"'})).status_code == 200


@pytest.mark.parametrize("path", PATHS)
async def test_unknown_parameters_are_harmless(reader, path):
    assert (await reader.get(f"{path}?x=1&utm_source=a&%ff")).status_code == 200


async def test_a_changed_word_ends_the_feeds_that_show_it_and_neither_archive_nor_sitemap(reader, blog):
    paths = ["/feed.xml", "/atom.xml", "/categories/notes/feed.xml", "/archive/", "/sitemap.xml", "/robots.txt"]
    for path in paths:
        await reader.get(path)
    await save(blog[0], body="Other words.")
    assert await misses(reader, paths) == {"/feed.xml", "/atom.xml"}


async def test_an_old_post_ends_no_feed_that_does_not_show_it(reader, blog):
    for path in XML:
        await reader.get(path)
    await save(blog[24], title="Beyond the newest twenty")
    # It is the 13th of its section, and so of the section's feed.
    assert await misses(reader, XML) == {"/categories/news/feed.xml"}


async def test_a_new_post_ends_the_feeds_of_its_lists_alone(reader, blog):
    paths = [*XML, "/categories/notes/feed.xml"]
    for path in paths:
        await reader.get(path)
    await sync_to_async(make_post)("fresh", category=blog[0].category)
    assert await misses(reader, paths) == {"/feed.xml", "/atom.xml", "/categories/news/feed.xml", "/sitemap.xml"}


async def test_a_withdrawn_post_is_kept_as_gone_until_it_is_published_again(reader, blog):
    await save(blog[1], status="withdrawn")
    assert (await reader.get("/posts/post-1/")).status_code == 410
    again = await reader.get("/posts/post-1/")
    assert (again.status_code, is_hit(again)) == (410, True)
    await save(blog[1], status="published")
    assert (await reader.get("/posts/post-1/")).status_code == 200


async def test_a_host_that_is_not_ours_is_refused_in_the_sites_dress(reader):
    response = await reader.get("/", headers={"Host": "evil.example"})
    assert response.status_code == 400
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "No site under this name" in response.text
    assert response.headers["Cache-Control"] == "no-store"


async def test_each_host_has_addresses_of_its_own(reader, settings):
    settings.ALLOWED_HOSTS = ["testserver", "other.example"]
    assert "http://testserver/" in (await reader.get("/feed.xml")).text
    assert "http://other.example/" in (await reader.get("/feed.xml", headers={"Host": "other.example"})).text
    assert "other.example" not in (await reader.get("/feed.xml")).text


@pytest.mark.parametrize(
    ("path", "is_stored"), [("/old/", True), ("/posts/post-1", False), ("/media/later.jpg", False)]
)
async def test_no_browser_stores_a_redirect_and_the_edge_only_one_that_has_a_row(reader, path, is_stored):
    """Without a policy, a browser stores a 301 (RFC 9110, 15.4.2): what comes there later is never seen."""
    await sync_to_async(Redirect.objects.create)(old_path="/old/", new_path="/posts/post-1/")
    response = await reader.get(path)
    assert (response.status_code, response.headers["Cache-Control"]) == (301, "no-store")
    again = await reader.get(path)
    assert again.headers["Cache-Control"] == "no-store"
    assert is_hit(again) is is_stored


async def test_what_a_page_is_called_is_told_to_nobody(reader, blog):
    for cookies in ({}, {"Cookie": "sessionid=somebody"}):
        response = await reader.get("/posts/post-1/", headers=cookies)
        assert response.status_code == 200
        assert "Evergreen-Label" not in response.headers
