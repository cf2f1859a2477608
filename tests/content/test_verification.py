"""Pages and documents are as the database has them, under edits of each kind; and what is not, is found."""

import asyncio
import json
import math
import threading
import time
from datetime import timedelta
from io import StringIO

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone

from content import resources
from content.caching.edge import EdgeCache
from content.caching.edge.page import url_key
from content.caching.engines import engine_of
from content.caching.metrics.events import current_totals
from content.caching.verify import Options, Result, Verifier
from content.caching.watch.models import WatchedChange
from content.caching.watch.settled import changes_are_relayed
from content.models import Category, Post, PostViews, SiteConfig, Tag
from content.ops.verification import comparable, new_verifier
from project.edge import site_profile
from tests.support.blog import make_blog
from tests.support.caches import redis_cache, use_cache
from tests.support.engine import wait_for_engine

pytestmark = pytest.mark.django_db(transaction=True)

PATHS = [
    "/",
    "/posts/post-0/",
    "/posts/post-3/",
    "/posts/post-21/",
    "/categories/",
    "/categories/news/",
    "/tags/green/",
    "/authors/ann/",
    "/archive/",
    "/popular/",
    "/feed.xml",
    "/atom.xml",
    "/sitemap.xml",
    "/robots.txt",
    "/api/v1/posts/",
    "/api/v1/posts/post-3/",
    "/posts/not-there/",
]


@pytest.fixture
def blog(redis_server):
    with use_cache(redis_cache(redis_server.url), time.time):
        posts = make_blog()
        views = [
            PostViews(post=post, total=1000 - number, heat=math.log2(1000 - number))
            for number, post in enumerate(posts)
        ]
        PostViews.objects.bulk_create(views)
        yield posts


@pytest.fixture
async def edge(blog):
    return EdgeCache(ASGIHandler(), cache="default", profile=site_profile())


@pytest.fixture
async def verifier(edge):
    options = Options(share=0.5, settle=changes_are_relayed, comparable=comparable)
    verifier = Verifier(edge=edge, options=options)
    yield verifier
    await verifier.checker.close()


@pytest.fixture
async def reader(edge):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=edge), base_url="http://testserver") as client:
        for _ in range(2):
            for path in PATHS:
                await client.get(path)
            await wait_for_engine()
        yield client


async def check_all(verifier: Verifier) -> dict[str, Result]:
    keys = {*engine_of("default").memory.nodes, *await verifier.sampler.scan(10_000)}
    results = {}
    for key in sorted(keys):
        result, found = await verifier.check(key)
        assert found is None, found
        results[key] = result
    return results


async def test_each_page_and_document_is_as_the_database_has_it(verifier, reader):
    results = await check_all(verifier)
    pages = [result for key, result in results.items() if key.startswith("page@")]
    assert pages.count(Result.CONSISTENT) >= 12, results
    assert {key for key, result in results.items() if result is Result.NOT_LOADED} == set()
    assert list(results.values()).count(Result.CONSISTENT) > 50


KINDS_OF_EDITS = 9


def edits(posts: list[Post], number: int) -> None:
    """One edit of each kind in turn, of a most viewed post or of the tail."""
    post = Post.objects.get(pk=posts[(number * 7) % len(posts)].pk)
    match number % KINDS_OF_EDITS:
        case 0:
            post.title = f"Title {number}"
        case 1:
            post.body = f"Body {number}. " + "word " * (number * 40)
        case 2:
            post.status = "withdrawn" if post.status == "published" else "published"
        case 3:
            post.category = Category.objects.exclude(pk=post.category_id).order_by("pk").first()
        case 4:
            post.tags.clear() if post.tags.exists() else post.tags.set(Tag.objects.all())
        case 5:
            Category.objects.filter(slug="news").update(name=f"News {number}")
        case 6:
            SiteConfig(title=f"Blog {number}", posts_per_page=10).save()
        case 7:
            post.published_at = timezone.now() - timedelta(hours=number)
        case 8:
            Post.objects.filter(pk__in=[each.pk for each in posts[:3]]).update(excerpt=f"Excerpt {number}")
    post.save()


def checks() -> int:
    return sum(amount for (what, _, _), amount in current_totals().items() if what == "checked")


async def mix(verifier: Verifier, reader: httpx.AsyncClient, posts: list[Post], *, edited: int, checked: int) -> None:
    """So many edits, and readers beside them, while the verifier runs, until it has made so many checks."""
    goal, number, ended = checks() + checked, 0, False

    async def read() -> None:
        while not ended:
            for path in PATHS:
                await reader.get(path)
                await asyncio.sleep(0.002)

    task, reading = asyncio.create_task(verifier.run()), asyncio.create_task(read())
    while number < edited or checks() < goal:
        await sync_to_async(edits)(posts, number)
        number += 1
        await asyncio.sleep(0.05)
    ended = True
    await reading
    task.cancel()
    await asyncio.wait([task])


async def test_edits_of_each_kind_leave_nothing_inconsistent(verifier, reader, blog):
    await mix(verifier, reader, blog, edited=2 * KINDS_OF_EDITS, checked=20)
    assert await asyncio.to_thread(verifier.findings.read) == []
    await check_all(verifier)


@pytest.mark.slow
async def test_minutes_of_edits_leave_nothing_inconsistent(verifier, reader, blog):
    await mix(verifier, reader, blog, edited=500, checked=1000)
    assert await asyncio.to_thread(verifier.findings.read) == []
    await check_all(verifier)


async def test_a_write_that_was_never_announced_is_found_and_repaired(verifier, reader, blog):
    await sync_to_async(change_unannounced)(blog[3])
    _, found = await verifier.check(url_key("http://testserver/posts/post-3/"))
    assert "The bodies differ" in found.difference
    assert found.repaired
    _, found = await verifier.check(resources.post.key(("post", "post-3")))
    assert found.difference == "These fields differ: title."
    assert "Unannounced" in (await reader.get("/posts/post-3/")).text


def change_unannounced(post: Post) -> None:
    """As if a trigger were missing: the row of the outbox is gone before the commit."""
    with transaction.atomic():
        Post.objects.filter(pk=post.pk).update(title="Unannounced")
        WatchedChange.objects.filter(epoch="").delete()


async def test_a_page_that_shows_an_edit_in_passing_is_stale_and_not_reported(verifier, reader, blog):
    await sync_to_async(Post.objects.filter(pk=blog[0].pk).update)(title="Another title")
    assert await verifier.check(url_key("http://testserver/posts/post-21/")) == (Result.NOT_FRESH, None)


async def test_the_command_checks_a_sample_and_sums_up(reader, blog):
    out = StringIO()
    await sync_to_async(call_command)("verify_cache", "--sample", "200", "--json", stdout=out)
    report = json.loads(out.getvalue())
    assert report["sample"]["results"]["consistent"] > 20
    assert report["sample"]["inconsistent"] == report["found"] == []
    assert report["all_processes"]["checked"] >= report["sample"]["results"]["consistent"]
    out = StringIO()
    await sync_to_async(call_command)("verify_cache", "--sample", "0", stdout=out)
    assert "with 95 % confidence" in out.getvalue()


async def test_the_command_names_what_is_inconsistent_and_fails(reader, blog):
    await sync_to_async(change_unannounced)(blog[3])
    out = StringIO()
    with pytest.raises(CommandError, match="inconsistent"):
        await sync_to_async(call_command)("verify_cache", "--sample", "500", stdout=out)
    assert "post_card@" in out.getvalue()
    assert "it differs from the database" in out.getvalue()


def test_switched_off_it_is_not_there(blog, settings):
    settings.VERIFY = False
    before = threading.active_count()
    assert new_verifier() is None
    assert threading.active_count() == before


def test_without_a_log_there_is_nothing_to_verify():
    assert new_verifier() is None
    with pytest.raises(CommandError, match="no invalidation log"):
        call_command("verify_cache")
