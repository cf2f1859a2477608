"""Lifetimes: each is in the table of docs/lifetimes.md, and pages stay hits while nothing changes."""

import asyncio
import re
from datetime import timedelta

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.core.cache import cache
from django.core.handlers.asgi import ASGIHandler
from django.utils import timezone

from content import cache_headers, resources
from content.caching.edge import EdgeCache
from content.caching.edge.rules.directives import parse_directives
from content.caching.policy import duration
from content.caching.testing import Clock
from content.cdn import cdn
from content.purging import Selection, Trigger, run_purge
from content.resources.policies import until_next_publication
from content.views import feeds
from content.warming.items import FIXED_PATHS
from project.edge import site_profile
from tests.support.blog import make_blog, make_post
from tests.support.caches import redis_cache, use_cache
from tests.support.service import ROOT
from tests.support.wait import wait_until_async

HOUR = 3600.0
PATHS = [
    "/", "/posts/post-3/", "/categories/news/", "/nothing/here/",
    "/archive/", "/feed.xml", "/atom.xml", "/sitemap.xml",
    "/robots.txt", "/search/", "/api/v1/posts/", "/api/v1/posts/post-3/", "/authors/ann/", "/tags/green/",
]  # fmt: skip
ROW = re.compile(r"^\| `(\w+)` \|(.*)\|$", re.MULTILINE)


def rows_of(heading: str) -> dict[str, list[str]]:
    """The cells of the rows below a heading, by the name in the first one."""
    text = (ROOT / "docs" / "lifetimes.md").read_text()
    part = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return {name: [cell.strip() for cell in rest.split("|")] for name, rest in ROW.findall(part)}


def seconds(text: str) -> float:
    return duration(text, "the table").total_seconds() if text else 0.0


def lifetimes_of(policy: str) -> tuple[float, ...]:
    """Seconds fresh, stale and for errors, by a value of Cache-Control."""
    directives = parse_directives(policy)
    names = ("max-age", "stale-while-revalidate", "stale-if-error")
    return tuple(directives.seconds(name) or 0.0 for name in names)


def test_the_table_of_resources_is_right():
    rows = rows_of("Resources")
    assert set(rows) == set(resources.BY_NAME)
    for name, (fresh, stale, error, not_there, ends, reason) in rows.items():
        resource = resources.BY_NAME[name]
        policy = resource.policy
        times = (policy.ttl, policy.stale_ttl, policy.error_ttl, policy.negative_ttl)
        assert tuple(each.total_seconds() for each in times) == tuple(map(seconds, (fresh, stale, error, not_there)))
        assert ("scheduled" in ends) == (resource.adapt is until_next_publication), name
        assert ("compared" in ends) == resource.cutoff, name
        assert reason


def test_the_table_of_pages_is_right():
    in_code = {
        "EDGE_POLICY": lifetimes_of(cache_headers.EDGE_POLICY),
        "GONE_EDGE_POLICY": lifetimes_of(cache_headers.GONE_EDGE_POLICY),
        "NOT_FOUND_EDGE_POLICY": lifetimes_of(cache_headers.NOT_FOUND_EDGE_POLICY),
        "FAVICON_CACHE_CONTROL": lifetimes_of(feeds.FAVICON_CACHE_CONTROL),
        "FAVICON_EDGE_POLICY": lifetimes_of(feeds.FAVICON_EDGE_POLICY),
        "CDN": (cdn.FRESH, cdn.STALE, lifetimes_of(cache_headers.EDGE_POLICY)[2]),
        "BROWSER_POLICY": lifetimes_of(cache_headers.BROWSER_POLICY),
    }
    assert {name: tuple(map(seconds, cells[:3])) for name, cells in rows_of("Pages").items()} == in_code
    assert all(each.fresh == cdn.FRESH and each.stale == cdn.STALE for each in cdn.CDN_HEADERS.values())


# --- what readers get ---------------------------------------------------------------------------------------------


async def wait_for_edge(edge: EdgeCache) -> None:
    while tasks := edge.engine.loop_state().tasks:
        await asyncio.wait(set(tasks))


def new_reader(edge: EdgeCache) -> httpx.AsyncClient:
    async def is_stored(response: httpx.Response) -> None:
        await wait_for_edge(edge)

    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=edge), base_url="http://testserver", event_hooks={"response": [is_stored]}
    )


async def state_of(reader: httpx.AsyncClient, path: str) -> str:
    status = (await reader.get(path)).headers["Cache-Status"]
    return "miss" if "; hit" not in status else "stale" if "ttl=-" in status else "fresh"


@pytest.mark.django_db(transaction=True)
async def test_after_an_hour_without_readers_every_page_is_a_fresh_hit_in_every_process(redis_server):
    clock = Clock()
    with use_cache(redis_cache(redis_server.url), clock):
        await sync_to_async(make_blog)()
        edge = EdgeCache(ASGIHandler(), cache="default", profile=site_profile())
        async with new_reader(edge) as reader:

            async def is_warm() -> bool:
                clock.forward(1)
                return {await state_of(reader, path) for path in PATHS} == {"fresh"}

            await wait_until_async(is_warm, "every page is fresh")
            clock.forward(HOUR)
            assert {path: await state_of(reader, path) for path in PATHS} == dict.fromkeys(PATHS, "fresh")
            edge.engine.memory.clear()
            assert {path: await state_of(reader, path) for path in PATHS} == dict.fromkeys(PATHS, "fresh")
            # Past the day they are served while they are made again; nobody waits.
            clock.forward(24 * HOUR)
            assert {path: await state_of(reader, path) for path in PATHS} == dict.fromkeys(PATHS, "stale")


@pytest.mark.django_db(transaction=True)
async def test_after_a_soft_purge_of_everything_nobody_waits_for_a_fixed_page(redis_server):
    with use_cache(redis_cache(redis_server.url), Clock()):
        await sync_to_async(make_blog)()
        edge = EdgeCache(ASGIHandler(), cache="default", profile=site_profile())
        async with new_reader(edge) as reader:
            for path in FIXED_PATHS:
                await state_of(reader, path)
            await run_purge(Selection(everything=True), soft=True, trigger=Trigger.TASK)
            states = {path: await state_of(reader, path) for path in FIXED_PATHS}
    assert [path for path, state in states.items() if state == "miss"] == []


@pytest.mark.django_db(transaction=True)
async def test_a_scheduled_post_is_on_its_pages_at_its_minute(moved_clock):
    await cache.aclear()
    await sync_to_async(make_blog)(posts=3)
    when = timezone.now() + timedelta(seconds=600)
    await sync_to_async(make_post)("soon", status="scheduled", published_at=when)
    edge = EdgeCache(ASGIHandler(), cache="default", profile=site_profile())
    lists = ["/", "/feed.xml", "/sitemap.xml", "/api/v1/posts/"]
    async with new_reader(edge) as reader:
        for _ in range(2):
            assert not any(["soon" in (await reader.get(path)).text for path in lists])
        moved_clock(595)
        assert not any(["soon" in (await reader.get(path)).text for path in lists])
        assert (await reader.get("/posts/soon/")).status_code == 404
        moved_clock(6)
        assert [path for path in lists if "soon" not in (await reader.get(path)).text] == []
        assert (await reader.get("/posts/soon/")).status_code == 200
    await cache.aclear()
