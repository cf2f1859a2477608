"""Fields for a CDN: the tags of each page, and how long the CDN may serve it without asking."""

import asyncio

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from content.caching import expire, invalidate
from content.caching.dependencies import add_dependency
from content.caching.edge import Profile
from content.caching.edge.cdn_headers import CdnHeaders, encode_tag
from tests.content.caching.edge.test_engine_tiers import Reading, another, fall_silent
from tests.support.edge import Origin, Site, pairs_of, wait_for_tasks
from tests.support.wait import wait_until_async

CLOUDFLARE = Profile(cdn=CdnHeaders())
VARNISH = Profile(cdn=CdnHeaders(tags=b"xkey", separator=" ", line=100))
PUBLIC = {"cache-control": "public, no-cache", "evergreen-cache-control": "max-age=60, stale-while-revalidate=30"}
LASTING = "cdn-cache-control"

on_redis = pytest.mark.parametrize("alias", ["redis"], indirect=True)


class Shown(Origin):
    """Reads something with those tags, until then."""

    def __init__(self, *tags: str, until: float = float("inf"), **options) -> None:
        super().__init__(**options)
        self.tags, self.until = tags, until

    async def __call__(self, scope, receive, send) -> None:
        add_dependency("key", self.tags, self.until, self.until, stale=False)
        await super().__call__(scope, receive, send)


def site_with(*tags: str, profile: Profile = CLOUDFLARE, headers=PUBLIC, **options) -> Site:
    return Site(Shown(*tags, headers=headers, **options), profile=profile)


def tags_of(answer, field: str = "cache-tag", separator: str = ",") -> set[str]:
    return set((answer[field] or "").split(separator)) - {""}


OF_THE_PAGE = {"page@1:http://site/", "path:/", "resource:page"}


async def test_what_was_read_for_a_page_goes_on_with_misses_hits_and_304():
    site = site_with("post:1", "posts", headers=PUBLIC | {"etag": '"a"', "cache-tag": "mine"})
    first = await site.ask()
    await wait_for_tasks(site)
    hit, known = await site.ask(), await site.ask(headers={"if-none-match": '"a"'})
    assert (first.is_hit, hit.is_hit, known.status) == (False, True, 304)
    head = await site.ask(method="HEAD")
    part = await site.ask(headers={"range": "bytes=0-1"})
    for answer in (first, hit, known, head, part):
        assert tags_of(answer) == OF_THE_PAGE | {"post:1", "posts", "mine"}
        assert answer[LASTING] == "max-age=60, stale-while-revalidate=30"
        assert answer["evergreen-cache-control"] is None


async def test_a_request_that_joined_a_call_gets_the_tags_too():
    gate = asyncio.Event()
    site = site_with("post:1", before=gate.wait)
    asking = [asyncio.create_task(site.ask()) for _ in range(3)]
    await wait_until_async(lambda: site.origin.count, "the application is called")
    gate.set()
    answers = await asyncio.gather(*asking)
    assert all(tags_of(answer) == OF_THE_PAGE | {"post:1"} for answer in answers)


async def test_each_coding_of_a_page_has_the_same_tags():
    site = Site(
        Shown("post:1", headers=PUBLIC | {"content-type": "text/plain"}, body=b"a" * 2000),
        profile=Profile(cdn=CdnHeaders(), codings=("gzip",)),
    )

    async def is_coded() -> bool:
        answer = await site.ask(headers={"accept-encoding": "gzip"})
        assert tags_of(answer) == OF_THE_PAGE | {"post:1"}
        return answer["content-encoding"] == "gzip"

    await wait_until_async(is_coded, "the page is coded")


async def test_without_a_cdn_responses_have_no_tags():
    site = site_with("post:1", profile=Profile(), headers=PUBLIC | {"cache-tag": "mine", "surrogate-key": "mine"})
    for answer in (await site.ask(), await site.ask()):
        assert (answer["cache-tag"], answer["surrogate-key"], answer[LASTING]) == (None, None, None)


async def test_a_cdn_that_is_not_purged_asks_each_time():
    answer = await site_with("post:1", profile=Profile(cdn=CdnHeaders(purges=False))).ask()
    assert tags_of(answer) == OF_THE_PAGE | {"post:1"}
    assert answer[LASTING] is None


async def test_xkey_takes_several_lines():
    site = site_with(*(f"post:{number}" for number in range(50)), profile=VARNISH)
    answer = await site.ask()
    lines = answer.fields.values(b"xkey")
    assert answer["cache-tag"] is None
    assert max(map(len, lines)) <= 100
    assert set(" ".join(lines).split(" ")) == OF_THE_PAGE | {f"post:{number}" for number in range(50)}


@pytest.mark.parametrize("tags", [[f"{number:0100d}" for number in range(200)], [str(n) for n in range(999)]])
async def test_a_page_with_more_tags_than_a_cdn_takes_is_not_kept_by_it(tags):
    site = site_with(*tags)
    await site.ask()
    answer = await site.ask()
    assert (answer["cache-tag"], answer[LASTING]) == (None, "no-store")
    assert answer["cache-control"] == "public, no-cache"


async def test_the_cdn_keeps_it_no_longer_than_what_it_shows_is_fresh():
    site = site_with("post:1", until=1_700_000_010.0)
    await site.ask()
    site.forward(4)
    answer = await site.ask()
    assert (answer[LASTING], answer["age"]) == ("max-age=10", "4")


async def test_a_cdn_asks_after_its_own_time_however_old_the_page_is():
    """Its max-age counts from the age of the page, which grows: the field is built anew each minute."""
    day = {
        "cache-control": "public, no-cache",
        "evergreen-cache-control": "max-age=86400, stale-while-revalidate=900",
    }
    site = site_with("post:1", headers=day, profile=Profile(cdn=CdnHeaders(fresh=300, stale=600)))
    await site.ask()
    for forward, age, longest in ((0, 0, 300), (50_000, 50_000, 50_300), (59, 50_059, 50_300), (2, 50_061, 50_361)):
        site.forward(forward)
        answer = await site.ask()
        assert (answer["age"], answer.is_hit) == (str(age), True)
        assert answer[LASTING] == f"max-age={longest}, stale-while-revalidate=600"
    site.forward(36_200)
    assert (await site.ask())[LASTING] == "max-age=86400, stale-while-revalidate=600"
    assert site.origin.count == 1


async def test_what_is_streamed_while_it_is_collected_has_no_tags_yet():
    """Its head has no tags yet; the next responses have them."""
    site = site_with("post:1", headers=PUBLIC, chunks=[b"a", b"b"])
    answer = await site.ask()
    assert (answer.body, answer["cache-tag"], answer[LASTING]) == (b"ab", None, "no-store")
    await wait_for_tasks(site)
    assert tags_of(await site.ask()) == OF_THE_PAGE | {"post:1"}


@pytest.mark.parametrize("said", ["private, max-age=60", "no-store", "public, max-age=60, stale-while-revalidate=1"])
async def test_what_is_passed_on_is_not_for_a_cdn(said):
    site = Site(Origin({"cache-control": said, "cache-tag": "mine"}), profile=Profile(cdn=CdnHeaders(), largest=1))
    answer = await site.ask()
    assert (answer["cache-tag"], answer[LASTING]) == (None, "no-store")
    answer = await site.ask(method="POST")
    assert (answer["cache-tag"], answer[LASTING]) == (None, "no-store")


@pytest.mark.parametrize(
    ("said", "lasts"),
    [
        ("no-cache", "no-store"),
        ("public, no-cache", "max-age=60"),
        ("max-age=5", "max-age=60"),
        ("no-store", "no-store"),
        ("private", "no-store"),
    ],
)
async def test_what_is_for_this_cache_alone_is_not_for_a_cdn(said, lasts):
    answer = await site_with("a", headers={"cache-control": said, "evergreen-cache-control": "max-age=60"}).ask()
    assert answer[LASTING] == lasts
    assert (answer["cache-tag"] is None) is (lasts == "no-store")


async def test_what_sets_a_cookie_is_not_for_a_cdn():
    answer = await site_with("a", headers=PUBLIC | {"set-cookie": "a=b"}).ask()
    assert answer[LASTING] == "no-store"


async def test_an_application_may_speak_for_itself():
    answer = await site_with("a", headers=PUBLIC | {"cdn-cache-control": "max-age=7"}).ask()
    assert answer[LASTING] == "max-age=7"


async def test_fastly_gets_its_own_fields():
    fastly = CdnHeaders(
        tags=b"surrogate-key", separator=" ", control_field=b"surrogate-control", forbid_value="max-age=0"
    )
    site = site_with("post:1", profile=Profile(cdn=fastly))
    for answer in (await site.ask(), await site.ask()):
        assert tags_of(answer, "surrogate-key", " ") == OF_THE_PAGE | {"post:1"}
        assert answer["surrogate-control"] == "max-age=60, stale-while-revalidate=30"
        assert answer[LASTING] is None


# --- what may be older than a purge ---------------------------------------------------------------------------------


async def test_what_is_stale_is_not_kept_by_a_cdn():
    site = site_with("post:1")
    await site.ask()
    site.forward(70)
    answer = await site.ask()
    assert (answer.is_hit, answer["cache-tag"], answer[LASTING]) == (True, None, "no-store")


async def test_what_is_stale_is_not_kept_by_a_cdn_while_it_is_made_again():
    site, gate = site_with("post:1"), asyncio.Event()
    await site.ask()
    site.forward(70)
    site.origin.before = gate.wait
    answers = [await site.ask() for _ in range(3)]
    gate.set()
    await wait_for_tasks(site)
    assert all(answer.is_hit for answer in answers)
    assert {(answer["cache-tag"], answer[LASTING]) for answer in answers} == {(None, "no-store")}


@pytest.mark.parametrize("more", [{"cache-control": "private, max-age=60"}, {"vary": "*"}])
async def test_what_was_confirmed_for_one_reader_is_not_kept_by_a_cdn(more):
    headers = {"cache-control": "public, max-age=60", "etag": '"a"'}
    site = site_with("post:1", headers=headers)
    await site.ask()
    site.forward(70)
    site.origin.status, site.origin.body = 304, b""
    site.origin.headers = headers | more
    answer = await site.ask()
    assert (answer.status, answer.body) == (200, b"hello")
    assert (answer["cache-tag"], answer[LASTING]) == (None, "no-store")


class Telling(Reading):
    """Reads a number, and lets caches on the way have the page."""

    async def __call__(self, scope, receive, send) -> None:
        async def send_public(message) -> None:
            if message["type"] == "http.response.start":
                message = message | {"headers": [*message["headers"][1:], *pairs_of(PUBLIC)]}
            await send(message)

        await super().__call__(scope, receive, send_public)


@pytest.fixture
def telling(alias, clock) -> Site:
    site = Site(Telling(), cache=alias, profile=CLOUDFLARE)
    site.edge.engine.clock = clock
    site.forward = clock.forward
    return site


@on_redis
async def test_another_process_tells_the_same(telling):
    first = await telling.ask()
    await wait_for_tasks(telling)
    another(telling)
    answers = [first, await telling.ask(), await telling.ask()]
    assert [answer.is_hit for answer in answers] == [False, True, True]
    assert all("number" in tags_of(answer) for answer in answers)
    assert {answer[LASTING] for answer in answers} == {"max-age=60, stale-while-revalidate=30"}


@on_redis
async def test_i1_what_was_expired_is_not_kept_by_a_cdn(telling):
    """The CDN was purged before it got this response."""
    await telling.ask()
    await wait_for_tasks(telling)
    await expire(["number"])
    answer = await telling.ask()
    assert (answer.is_hit, answer["cache-tag"], answer[LASTING]) == (True, None, "no-store")


@on_redis
async def test_i1_an_answer_that_an_invalidation_overtook_is_not_kept_by_a_cdn(telling):
    """It had asked before, and is answered after."""
    telling.origin.gate = asyncio.Event()
    asking = asyncio.create_task(telling.ask())
    await wait_until_async(lambda: telling.origin.count, "the application is called")
    await invalidate(["number"])
    telling.origin.gate.set()
    answer = await asking
    assert (answer.status, answer["cache-tag"], answer[LASTING]) == (200, None, "no-store")


@on_redis
async def test_i1_while_the_log_is_silent_nothing_is_kept_by_a_cdn(telling):
    await telling.ask()
    await wait_for_tasks(telling)
    fall_silent(telling)
    answer = await telling.ask()
    assert (answer["cache-tag"], answer[LASTING]) == (None, "no-store")


# --- how tags are written -------------------------------------------------------------------------------------------


@given(st.text(max_size=300))
@example("path:/posts/ä, b/?c=d e,f")
@example("\ud800")
def test_any_tag_is_written_in_signs_that_every_cdn_takes(tag):
    written = encode_tag(tag)
    assert len(written) <= 120
    assert all("!" <= sign <= "~" and sign not in ',"\\' for sign in written)
    assert encode_tag(tag) == written


@given(st.text(max_size=200), st.text(max_size=200))
@example("a b", "a%20b")
@example("a,b", "a%2Cb")
@example("x" * 119 + "#a", "x" * 119 + "%23a")
def test_no_two_tags_are_written_alike(one, other):
    assert (encode_tag(one) == encode_tag(other)) == (one == other)


@given(st.lists(st.text(min_size=1, max_size=40), max_size=60), st.integers(121, 400))
def test_lines_have_all_tags_once_and_none_is_too_long(tags, line):
    cdn_headers = CdnHeaders(separator=" ", line=line)
    written = sorted({encode_tag(tag) for tag in tags})
    lines = cdn_headers._lines(written)
    assert [tag for each in lines for tag in each.split(" ")] == written
    assert all(len(each) <= line for each in lines)
