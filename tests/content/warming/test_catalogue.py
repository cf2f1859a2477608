"""The catalogue has every address that the site links to, each once, and none that is not there."""

from datetime import timedelta
from itertools import chain

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.utils import timezone

from content import feeds, resources
from content.caching.edge import EdgeCache
from content.models import Author, Category, Comment, Post, PostViews, Redirect, SiteConfig, Tag
from content.warming import Chunk, catalogue, rows
from content.warming.catalogue import choose_hot
from content.warming.targets import Target
from project.edge import site_profile
from tests.support.blog import make_blog, make_post
from tests.support.crawl import Visit, crawl

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_cache")]

ORIGIN = "http://testserver"
# From these every other address is reached. No link leads to files that programs look for by name.
MOVED = {"/old/": "/über/", "/posts/old/": "/posts/post-3/", "/tags/old-tag/": "/tags/green/", "/wp.html": "/"}
STARTS = ("/", "/search/", "/robots.txt", "/favicon.ico", "/api/v1/", *MOVED)


@pytest.fixture
def site() -> list[Post]:
    """Some of everything that has an address."""
    posts = make_blog(25)
    SiteConfig.objects.update(menu=[{"label": "Über", "url": "/über/"}])
    make_post("über", kind="page", title="Über uns")
    long_ago = timezone.now() - timedelta(days=800)
    make_post("größe", published_at=long_ago, tags=[Tag.objects.create(slug="leer-ß", name="One post")])
    linking = make_post("linking", body="An [old link](/posts/old/).")
    make_post("draft", status="draft")
    tomorrow = timezone.now() + timedelta(days=1)
    make_post("later", status="scheduled", published_at=tomorrow, authors=[Author.objects.get(slug="ann")])
    Tag.objects.create(slug="unused", name="Unused")
    Category.objects.create(slug="empty", name="Empty")
    for old, new in MOVED.items():
        Redirect.objects.create(old_path=old, new_path=new)
    for number, post in enumerate(posts):
        PostViews.objects.create(post=post, total=number + 1, heat=float(number + 1), last_viewed_at=timezone.now())
    Comment.objects.create(post=linking, author_name="Reader", body="Yes.", status="approved")
    return posts


async def list_paths() -> list[str]:
    return [path async for chunk in catalogue() for path in chunk.paths]


async def crawl_site() -> dict[str, Visit]:
    edge = EdgeCache(ASGIHandler(), cache="default", profile=site_profile())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=edge), base_url=ORIGIN) as client:
        return await crawl(client.get, ORIGIN, *STARTS)


def is_stored(path: str) -> bool:
    """The edge stores no response to a query that clients could make up: only the entries of these are warmed."""
    return not path.startswith("/api/") or "after=" not in path


@pytest.mark.parametrize("most_urls", [feeds.MOST_URLS, 10], ids=["one sitemap", "an index of sitemaps"])
async def test_every_address_that_the_site_links_to_is_in_the_catalogue(site, monkeypatch, most_urls):
    monkeypatch.setattr(feeds, "MOST_URLS", most_urls)
    visits, paths = await crawl_site(), await list_paths()
    assert {path for path, visit in visits.items() if visit.status >= 400} == set()
    linked = {path for path in visits if is_stored(path)}
    assert len(linked) > 130
    assert linked - set(paths) == set()
    # Without an index nothing links to the parts.
    unlinked = {path for path in paths if path not in linked and not path.startswith("/sitemap-")}
    assert unlinked == set()


async def test_every_address_of_the_catalogue_is_there_and_listed_once(site):
    paths = await list_paths()
    assert len(paths) == len(set(paths))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=ASGIHandler()), base_url=ORIGIN) as client:
        statuses = {path: (await client.get(path)).status_code for path in paths}
    assert {path: status for path, status in statuses.items() if status not in (200, 301, 302)} == {}
    assert statuses["/posts/old/"] == 301


async def test_the_first_chunk_is_what_most_readers_ask_for(site):
    chunk = await anext(aiter(catalogue()))
    assert chunk.is_hot
    assert chunk.entries[:2] == [Target(resources.site), Target(resources.sidebar)]
    assert chunk.paths[0] == "/"
    assert {"/posts/linking/", "/posts/post-24/", "/feed.xml"} <= set(chunk.paths)


async def test_a_site_of_any_size_takes_the_memory_of_one_chunk_and_of_one_batch_of_rows(site, monkeypatch):
    """Chunks and batches of any size list the same."""
    whole = [item async for chunk in catalogue() for item in (*chunk.entries, *chunk.paths)]
    monkeypatch.setattr(rows, "ROWS", 3)
    sizes, items = list[int](), list[object]()
    async for chunk in catalogue(size=5):
        sizes += [] if chunk.is_hot else [len(chunk.entries) + len(chunk.paths)]
        items += [*chunk.entries, *chunk.paths]
    assert max(sizes) <= 5
    assert len(sizes) > 20
    # Only the cards of the newest posts, which are listed ahead, differ in place.
    assert set(items) == set(whole)
    assert len(items) == len(whole)


async def test_posts_of_the_same_moment_are_listed_once_each(monkeypatch):
    moment = timezone.now() - timedelta(days=1)
    await sync_to_async(Post.objects.bulk_create)(
        Post(slug=f"same-{number}", title="Same", status="published", published_at=moment) for number in range(10)
    )
    monkeypatch.setattr(rows, "ROWS", 3)
    listed = [slug async for _, batch in rows.posts() for _, _, slug in batch]
    assert sorted(listed) == sorted(f"same-{number}" for number in range(10))


@pytest.mark.parametrize("size", [5, 40])
async def test_one_goes_on_behind_each_cursor_and_lists_exactly_the_rest(site, monkeypatch, size):
    monkeypatch.setattr(rows, "ROWS", 3)
    hot = await choose_hot()
    chunks = [chunk async for chunk in catalogue(size, hot=hot)]
    listed = [items_of(chunk) for chunk in chunks]
    cursors = [(number, chunk.cursor) for number, chunk in enumerate(chunks) if chunk.cursor]
    assert len(cursors) > 5
    for number, cursor in cursors[:: max(1, len(cursors) // 12)]:
        rest = [item async for chunk in catalogue(size, hot=hot, after=cursor) for item in items_of(chunk)]
        assert sorted(map(str, rest)) == sorted(map(str, chain.from_iterable(listed[number + 1 :]))), cursor


def items_of(chunk: Chunk) -> list[object]:
    return [*chunk.entries, *chunk.paths]
