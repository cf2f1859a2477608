"""A most viewed post stands beside every page: its edit makes them stale, and its withdrawal ends them."""

import asyncio
import math
from datetime import UTC, datetime

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler

from content.caching.cutoff import read_derived_values
from content.caching.edge import EdgeCache
from content.caching.testing import Clock
from content.models import Category, PostViews
from project.edge import site_profile
from tests.support.blog import make_blog, make_post
from tests.support.caches import redis_cache, use_cache
from tests.support.wait import wait_until_async

pytestmark = pytest.mark.django_db(transaction=True)

OWN = ["/posts/post-0/", "/", "/categories/news/"]
BESIDE = ["/posts/post-21/", "/posts/post-9/", "/categories/notes/", "/archive/"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def blog(redis_server, clock):
    with use_cache(redis_cache(redis_server.url), clock):
        posts = make_blog()
        views = [
            PostViews(post=post, total=1000 - number, heat=math.log2(1000 - number))
            for number, post in enumerate(posts)
        ]
        PostViews.objects.bulk_create(views)
        yield posts


@pytest.fixture
async def reader(blog, clock):
    edge = EdgeCache(ASGIHandler(), cache="default", profile=site_profile())
    edge.engine.clock = clock

    async def is_stored(response: httpx.Response) -> None:
        while tasks := edge.engine.loop_state().tasks:
            await asyncio.wait(set(tasks))

    transport = httpx.ASGITransport(app=edge)
    hooks = {"response": [is_stored]}
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver", event_hooks=hooks) as client:
        await wait_until_async(lambda: all_fresh(client, clock), "every page is fresh")
        yield client


async def all_fresh(reader: httpx.AsyncClient, clock) -> bool:
    """Pages that waited for the first rankings are made again."""
    clock.forward(1)
    return {await state_of(reader, path) for path in OWN + BESIDE} == {"fresh"}


async def state_of(reader: httpx.AsyncClient, path: str) -> str:
    status = (await reader.get(path)).headers["Cache-Status"]
    if "; hit" not in status:
        return "miss"
    return "stale" if "ttl=-" in status else "fresh"


async def save(row, **values) -> None:
    for name, value in values.items():
        setattr(row, name, value)
    await sync_to_async(row.save)()


async def test_a_new_title_ends_its_page_and_its_lists_and_makes_the_rest_stale(reader, blog):
    await save(blog[0], title="Another title")
    for path in BESIDE:
        response = await reader.get(path)
        assert "; hit" in response.headers["Cache-Status"], f"no reader of {path} waits"
    for path in OWN:
        response = await reader.get(path)
        assert "; hit" not in response.headers["Cache-Status"]
        assert "Another title" in response.text


async def test_the_rest_is_made_again_behind_its_readers(reader, blog, clock):
    await save(blog[0], title="Another title")

    async def is_shown_everywhere() -> bool:
        clock.forward(1)
        return all(["Another title" in (await reader.get(path)).text for path in BESIDE])

    await wait_until_async(is_shown_everywhere, "every sidebar shows the title")


async def test_a_longer_body_ends_its_page_alone(reader, blog, clock):
    await save(blog[0], body="word " * 100)
    await wait_until_async(lambda: all_fresh(reader, clock), "every page is fresh")
    await save(blog[0], body=f"{blog[0].body}\n\nOne more paragraph.")
    states = {path: await state_of(reader, path) for path in OWN + BESIDE}
    assert states == {path: "miss" if path == "/posts/post-0/" else "fresh" for path in OWN + BESIDE}


async def test_a_withdrawn_post_is_shown_nowhere_from_the_next_read_on(reader, blog):
    title = blog[0].title
    assert all([f">{title}<" in (await reader.get(path)).text for path in BESIDE])
    await save(blog[0], status="withdrawn")
    for path in [*OWN[1:], *BESIDE]:
        assert f">{title}<" not in (await reader.get(path)).text


async def test_a_new_post_that_changes_no_ranking_leaves_other_pages_fresh(reader, blog):
    """It is in no category, so that no count beside the pages changes, and no neighbour of theirs."""
    await sync_to_async(make_post)("fresh", published_at=datetime(2001, 2, 3, tzinfo=UTC))
    await read_derived_values()
    await asyncio.sleep(0)
    await read_derived_values()
    assert await state_of(reader, "/posts/post-21/") == "fresh"


async def test_a_deleted_category_is_shown_nowhere(reader, blog):
    await sync_to_async(Category.objects.filter(slug="notes").delete)()
    for path in ("/", "/posts/post-20/", "/archive/"):
        assert "/categories/notes/" not in (await reader.get(path)).text
