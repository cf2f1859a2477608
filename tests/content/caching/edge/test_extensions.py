"""RFC 5861 (stale content), RFC 9213 (targeted directives) and RFC 9211 (Cache-Status)."""

import asyncio

import pytest

from content.caching.edge.page import url_key
from content.caching.metrics.events import listen
from tests.support.edge import Origin, Site, settle

# --- RFC 5861 ---------------------------------------------------------------------------------------------


async def test_rfc5861_section_3_stale_while_it_is_made_again_behind_the_reader():
    site = Site(Origin(headers={"cache-control": "max-age=10, stale-while-revalidate=30"}))
    await site.ask()
    site.forward(20)
    site.origin.body = b"new"
    opened = asyncio.Event()
    site.origin.before = opened.wait
    answers = [await site.ask() for _ in range(3)]
    assert [answer.body for answer in answers] == [b"hello"] * 3
    assert "; hit" in answers[0].cache_status
    await settle()
    assert site.origin.count == 2, "one refresh for all of them"
    opened.set()
    await settle()
    assert (await site.ask()).body == b"new"


async def test_rfc5861_section_3_while_it_is_made_again_it_says_how_stale_it_is_and_ends_with_its_window():
    site = Site(Origin(headers={"cache-control": "max-age=10, stale-while-revalidate=30"}))
    await site.ask()
    site.forward(20)
    opened = asyncio.Event()
    site.origin.before, site.origin.body = opened.wait, b"new"
    first = await site.ask()
    with listen() as events:
        answers = [await site.ask(), await site.ask(method="HEAD")]
    assert {answer.cache_status for answer in (first, *answers)} == {"Evergreen; hit; ttl=-10"}
    assert events["stale", "page", "memory"] == 2
    site.forward(20)
    late = asyncio.ensure_future(site.ask())
    await settle()
    assert not late.done(), "what is past its window is served to nobody"
    opened.set()
    assert (await late).body == b"new"


async def test_rfc5861_section_3_which_variant_is_made_again_is_not_guessed():
    site = Site(Origin(headers={"cache-control": "max-age=10, stale-while-revalidate=30", "vary": "x-kind"}))
    for kind in ("a", "b"):
        await site.ask("/", {"x-kind": kind})
    site.forward(20)
    for kind in ("a", "b"):
        assert "; hit" in (await site.ask("/", {"x-kind": kind})).cache_status
        await settle()
    assert site.origin.count == 4, "each variant is made again by its own readers"


async def test_rfc5861_section_3_not_past_its_window():
    site = Site(Origin(headers={"cache-control": "max-age=10, stale-while-revalidate=30"}))
    await site.ask()
    site.forward(41)
    site.origin.body = b"new"
    assert (await site.ask()).body == b"new"


@pytest.mark.parametrize("fault", ["error", "status"])
@pytest.mark.asgi
async def test_rfc5861_section_4_stale_if_error(fault):
    site = Site(Origin(headers={"cache-control": "max-age=10, stale-if-error=100"}))
    await site.ask()
    site.forward(50)
    if fault == "error":
        site.origin.error = RuntimeError("down")
    else:
        site.origin.status = 503
    answer = await site.ask()
    assert (answer.status, answer.body) == (200, b"hello")
    assert "stale for an error" in (answer["cache-status"] or "")
    site.forward(100)
    if fault == "error":
        with pytest.raises(RuntimeError):
            await site.ask()
    else:
        assert (await site.ask()).status == 503


@pytest.mark.parametrize("fault", ["error", "status"])
@pytest.mark.asgi
async def test_rfc5861_section_4_an_application_that_fails_is_tried_again_with_pauses_not_by_each_reader(fault):
    site = Site(Origin(headers={"cache-control": "max-age=10, stale-if-error=100"}))
    await site.ask()
    site.forward(50)
    if fault == "error":
        site.origin.error = RuntimeError("down")
    else:
        site.origin.status = 503
    for _ in range(20):
        answer = await site.ask()
        assert (answer.status, answer.body) == (200, b"hello")
        assert "stale for an error" in answer["cache-status"]
    assert site.origin.count == 2
    site.forward(1.1)
    site.origin.error, site.origin.status, site.origin.body = None, 200, b"up again"
    assert (await site.ask()).body == b"up again"


# --- RFC 9213 ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "hit"),
    [
        ({"cdn-cache-control": "max-age=60", "cache-control": "no-store"}, True),
        ({"cdn-cache-control": "no-store", "cache-control": "max-age=60"}, False),
        ({"cdn-cache-control": "max-age=0", "expires": "Sun, 06 Nov 2094 08:49:37 GMT"}, False),
        ({"evergreen-cache-control": "max-age=60", "cdn-cache-control": "no-store"}, True),
        ({"cdn-cache-control": "max-age=60;x=1, private=?0"}, False),
        ({"cdn-cache-control": "max-age=60;x=1"}, True),
        # A field that is no Dictionary is ignored (section 2.2), unless it forbids or limits.
        ({"cdn-cache-control": "max-age=", "cache-control": "max-age=60"}, True),
        ({"cdn-cache-control": "", "cache-control": "max-age=60"}, True),
        ({"cdn-cache-control": "no-store;;", "cache-control": "max-age=60"}, False),
        ({"cdn-cache-control": "max-age=0;;", "cache-control": "max-age=60"}, False),
        ({"cdn-cache-control": "NO-STORE", "cache-control": "max-age=60"}, False),
        ({"cdn-cache-control": "Max-Age=60", "cache-control": "no-store"}, True),
        ({"cdn-cache-control": "(Private", "cache-control": "max-age=60"}, False),
        ({"cdn-cache-control": 'max-age="60"', "cache-control": "no-store"}, True),
    ],
)
async def test_rfc9213_section_2_targeted_directives(headers, hit):
    site = Site(Origin(headers=headers))
    await site.ask()
    assert (await site.ask()).is_hit is hit


async def test_rfc9213_our_own_field_goes_no_further_and_a_cdns_does():
    site = Site(Origin(headers={"evergreen-cache-control": "max-age=60", "cdn-cache-control": "max-age=5"}))
    for _ in range(2):
        answer = await site.ask()
        assert (answer["evergreen-cache-control"], answer["cdn-cache-control"]) == (None, "max-age=5")


@pytest.mark.parametrize(("status", "headers"), [(500, {}), (200, {"cache-control": "private"})])
async def test_rfc5861_a_refresh_that_comes_to_nothing_is_not_tried_for_each_reader(status, headers):
    site = Site(Origin(headers={"cache-control": "max-age=60, stale-while-revalidate=600"}))
    await site.ask()
    site.forward(61)
    site.origin.status, site.origin.headers = status, headers
    for _ in range(5):
        assert (await site.ask()).is_hit
        await settle()
    assert site.origin.count == 2
    site.forward(1.5)
    await site.ask()
    await settle()
    assert site.origin.count == 3


# --- RFC 9211 ---------------------------------------------------------------------------------------------


async def test_rfc9211_section_2_what_is_said_of_each_way():
    site = Site(Origin(headers={"cache-control": "max-age=60", "etag": '"a"'}))
    assert (await site.ask()).cache_status == "Evergreen; fwd=uri-miss; fwd-status=200; stored; ttl=60"
    site.forward(3)
    answer = await site.ask()
    assert answer.cache_status == "Evergreen; hit; ttl=57"
    assert (answer["cache-status"] or "").endswith(f'; key="{url_key("http://site/")}"')
    assert (await site.ask(method="POST")).cache_status == "Evergreen; fwd=method; fwd-status=200"
    site.origin.headers = {"cache-control": "private"}
    assert "fwd=uri-miss; fwd-status=200; key=" in ((await site.ask())["cache-status"] or "")
    assert 'detail="private"' in ((await site.ask())["cache-status"] or "")


async def test_rfc9211_section_2_ours_follows_what_came():
    site = Site(Origin(headers={"cache-control": "max-age=60", "cache-status": "Inner; hit"}))
    assert ((await site.ask())["cache-status"] or "").startswith("Inner; hit, Evergreen; fwd=uri-miss")


async def test_rfc9211_a_key_of_any_url_is_a_string():
    site = Site(Origin())
    told = (await site.ask('/a"b\\c'))["cache-status"] or ""
    assert told.count('"') == 2


@pytest.mark.parametrize("more", [{}, {"cache-control": "no-store"}, {"cache-control": "private"}])
@pytest.mark.parametrize("chunks", [None, [b"a"]])
async def test_what_the_application_calls_a_page_goes_no_further(more, chunks):
    site = Site(Origin(headers={"cache-control": "max-age=60", "evergreen-label": "post:1"} | more, chunks=chunks))
    for method in ("GET", "GET", "HEAD", "POST"):
        assert (await site.ask(method=method))["evergreen-label"] is None
