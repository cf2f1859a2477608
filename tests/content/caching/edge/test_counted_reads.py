"""Reads of pages count by address, on each way through the edge."""

import asyncio

import pytest

from content.caching import invalidate
from content.caching.edge import Profile
from content.caching.engines import engine_of
from tests.support.caches import with_a_log
from tests.support.edge import Origin, Site
from tests.support.heat import heat_of, read_counts, send_reads

FRESH = {"cache-control": "max-age=60, stale-while-revalidate=30"}


@pytest.fixture
def site(alias, clock) -> Site:
    site = Site(Origin(FRESH), Profile(sorts_parameters=True), cache=alias)
    site.edge.engine.clock = clock
    site.forward = clock.forward
    return site


async def send_and_read() -> dict[str, float]:
    await asyncio.to_thread(send_reads)
    return {name: count for name, count in (await read_counts(heat_of())).items() if name.startswith("page:")}


@with_a_log
async def test_a_miss_plain_hits_and_a_hit_in_redis_count_once_each(site):
    await site.ask("/a")
    assert await send_and_read() == {"page:http://site/a": 1}
    for _ in range(5):
        assert (await site.ask("/a")).is_hit
    assert await send_and_read() == {"page:http://site/a": 6}
    engine_of("default").memory.clear()
    await site.ask("/a")
    assert await send_and_read() == {"page:http://site/a": 7}


@with_a_log
async def test_readers_who_share_one_fetch_count_each(site):
    await asyncio.gather(*(site.ask("/a") for _ in range(10)))
    assert await send_and_read() == {"page:http://site/a": 10}
    assert site.origin.count == 1


@with_a_log
async def test_stale_pages_and_conditional_requests_count(site):
    await site.ask("/a")
    site.forward(70)
    await site.ask("/a")
    await site.ask("/a", {"range": "bytes=0-1"})
    await site.ask("/a", {"if-none-match": '"x"'})
    assert await send_and_read() == {"page:http://site/a": 4}


@with_a_log
async def test_variants_count_as_their_address(site):
    site.origin.headers = FRESH | {"vary": "accept-language"}
    for language in ("de", "en", "de", "en"):
        await site.ask("/a", {"accept-language": language})
    assert await send_and_read() == {"page:http://site/a": 4}


@with_a_log
async def test_an_address_counts_as_the_edge_normalises_it(site):
    await site.ask("/a?y=2&x=1")
    await site.ask("/a?x=1&y=2")
    assert await send_and_read() == {"page:http://site/a?x=1&y=2": 2}


@with_a_log
async def test_a_long_address_counts_in_full(site):
    path = "/" + "a" * 300
    for _ in range(2):
        await site.ask(path)
    assert await send_and_read() == {f"page:http://site{path}": 2}


@with_a_log
async def test_a_page_that_is_sent_while_it_is_made_counts(site):
    site.origin.chunks = [b"x" * 1000] * 3
    await site.ask("/a")
    await site.ask("/a")
    assert await send_and_read() == {"page:http://site/a": 2}


@with_a_log
async def test_addresses_that_are_private_or_of_errors_do_not_count(site):
    site.origin.headers = {"cache-control": "private"}
    await site.ask("/reset/secret")
    site.origin.headers, site.origin.status = FRESH, 404
    for _ in range(2):
        await site.ask("/nothing")
    assert await send_and_read() == {}


@with_a_log
async def test_warming_a_page_is_no_read(site):
    await site.edge.make(site.scope("/a", None))
    assert await send_and_read() == {}


@with_a_log
async def test_an_edge_with_a_memory_of_its_own_counts_nothing(alias, clock):
    assert heat_of(alias) is not None
    site = Site(Origin(FRESH))
    for _ in range(3):
        await site.ask("/a")
    assert await send_and_read() == {}


@with_a_log
async def test_a_page_that_was_overtaken_by_an_invalidation_counts(site):
    async def overtake() -> None:
        await invalidate(["resource:page"])

    site.origin.before = overtake
    for _ in range(2):
        assert not (await site.ask("/a")).is_hit
    assert await send_and_read() == {"page:http://site/a": 2}
