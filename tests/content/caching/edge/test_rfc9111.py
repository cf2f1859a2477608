"""The rules of RFC 9111, each test named by the section that it is from."""

import asyncio
import itertools
import re
from contextlib import suppress
from dataclasses import replace

import pytest

from content.caching.edge import SHARED_CACHE
from content.caching.edge.rules.fields import http_date
from tests.support.edge import Origin, Site, pairs_of, settle

MINUTE = {"cache-control": "max-age=60"}


async def is_stored(headers, request=None, status=200) -> bool:
    """Whether a second request like the first is answered without the origin."""
    site = Site(Origin(headers=headers, status=status))
    await site.ask(headers=request)
    await site.ask(headers=request)
    return site.origin.count == 1


# --- 3: storing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"cache-control": "max-age=60"},
        {"cache-control": "s-maxage=60"},
        {"cache-control": "public, max-age=60"},
        {"cache-control": 'private="x-name", max-age=60'},
        {"expires": http_date(1_700_000_060), "date": http_date(1_700_000_000)},
        {"last-modified": http_date(1_690_000_000), "date": http_date(1_700_000_000)},
        {"cache-control": "MAX-AGE=60"},
        {"cache-control": 'max-age="60"'},
        {"cache-control": "no-store, must-understand, max-age=60"},
    ],
)
async def test_section_3_what_may_be_stored_is(headers):
    assert await is_stored(headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"cache-control": "no-store, max-age=60"},
        {"cache-control": "private, max-age=60"},
        {"cache-control": "max-age=0"},
        {"cache-control": "no-cache, max-age=60"},
        {"cache-control": "max-age=60, s-maxage=0"},
        {"cache-control": "max-age=60", "vary": "*"},
        {"cache-control": "max-age=60", "vary": "accept, *"},
        {"expires": "0"},
        {"expires": "yesterday"},
        {},
    ],
)
async def test_section_3_what_may_not_be_reused_is_not(headers):
    assert not await is_stored(headers)


@pytest.mark.parametrize(("status", "kept"), [(200, True), (404, True), (302, False), (500, False), (206, False)])
async def test_section_3_by_heuristic_only_statuses_that_allow_it(status, kept):
    headers = {"last-modified": http_date(1_690_000_000), "date": http_date(1_700_000_000)}
    assert await is_stored(headers, status=status) is kept


@pytest.mark.parametrize(("status", "kept"), [(302, True), (500, True), (206, False), (599, True)])
async def test_section_3_other_statuses_by_their_word(status, kept):
    assert await is_stored(MINUTE, status=status) is kept


@pytest.mark.parametrize(
    ("status", "request_headers"),
    [(412, {"if-match": '"other"'}), (416, {"range": "bytes=99-"}), (417, {"expect": "more"})],
)
async def test_section_3_what_became_of_one_clients_condition_is_not_for_others(status, request_headers):
    """No key has it: kept, it would be an error for all who ask for the page."""
    site = Site(Origin(status=status))
    assert (await site.ask(headers=request_headers)).status == status
    site.origin.status = 200
    assert (await site.ask()).status == 200


async def test_section_5_2_2_3_must_understand_wants_a_status_that_is_understood():
    assert not await is_stored({"cache-control": "must-understand, max-age=60"}, status=599)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_section_3_of_methods_only_get_is_stored(method):
    site = Site(Origin())
    await site.ask(method=method)
    assert not (await site.ask()).is_hit
    assert site.origin.count == 2


async def test_section_3_1_what_belongs_to_the_connection_is_not_kept():
    site = Site(Origin(headers=MINUTE | {"connection": "x-hop", "x-hop": "1", "keep-alive": "5", "x-end": "2"}))
    await site.ask()
    answer = await site.ask()
    assert answer.is_hit
    assert [answer[name] for name in ("connection", "x-hop", "keep-alive", "x-end")] == [None, None, None, "2"]


@pytest.mark.parametrize("length", ["4", "6"])
@pytest.mark.asgi
async def test_section_3_3_an_incomplete_response_is_not_stored(length):
    site = Site(Origin(headers=MINUTE | {"content-length": length}))
    await site.ask()
    await site.ask()
    assert site.origin.count == 2


@pytest.mark.parametrize("length", [{}, {"content-length": "5"}])
async def test_section_3_3_what_goes_on_behind_its_end_is_not_stored(length):
    async def going_on(scope, receive, send):
        calls.append(scope)
        headers = pairs_of({"cache-control": "max-age=60"} | length)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"hello"})
        with suppress(RuntimeError):
            await send({"type": "http.response.body", "body": b", and more"})

    calls, site = [], Site(going_on)
    assert [(await site.ask()).body for _ in range(2)] == [b"hello", b"hello"]
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("control", "kept"),
    [
        ("max-age=60", False),
        ("public, max-age=60", True),
        ("s-maxage=60", True),
        ("must-revalidate, max-age=60", True),
    ],
)
async def test_section_3_5_authorization(control, kept):
    assert await is_stored({"cache-control": control}, {"authorization": "Basic eDp5"}) is kept


# --- 4.1: Vary ------------------------------------------------------------------------------------------


async def test_section_4_1_each_variant_to_who_asks_for_it():
    site = Site(Origin(headers=MINUTE | {"vary": "Accept-Language"}))
    for language in ("en", "de", "en", "de"):
        site.origin.body = language.encode()
        assert (await site.ask(headers={"accept-language": language})).body == language.encode()
    assert site.origin.count == 2
    assert "fwd=vary-miss" in (await site.ask()).cache_status


@pytest.mark.parametrize("same", ["en,de", "en , de", " EN, de"])
async def test_section_4_1_values_that_mean_the_same_are_the_same(same):
    site = Site(Origin(headers=MINUTE | {"vary": "accept-language"}))
    await site.ask(headers={"accept-language": "en, de"})
    assert (await site.ask(headers={"accept-language": same})).is_hit


async def test_section_4_1_two_lines_are_one_list():
    site = Site(Origin(headers=MINUTE | {"vary": "foo"}))
    await site.ask(headers=[("foo", "1"), ("foo", "2")])
    assert (await site.ask(headers={"foo": "1, 2"})).is_hit
    assert not (await site.ask(headers={"foo": "1"})).is_hit


@pytest.mark.parametrize("name", ["foo", "accept-language", "accept", "user-agent", "origin"])
@pytest.mark.parametrize("first", [{}, None])
async def test_section_4_1_absent_is_not_empty(name, first):
    site = Site(Origin(headers=MINUTE | {"vary": name}))
    variants = [{}, {name: ""}] if first is None else [{name: ""}, {}]
    for number, headers in enumerate(variants):
        site.origin.body = f"{number}".encode()
        assert (await site.ask(headers=headers)).body == f"{number}".encode()
    for number, headers in enumerate(variants):
        answer = await site.ask(headers=headers)
        assert (answer.is_hit, answer.body) == (True, f"{number}".encode())


async def test_section_4_1_all_names_of_vary_count():
    site = Site(Origin(headers=[("cache-control", "max-age=60"), ("vary", "foo"), ("vary", "Bar")]))
    await site.ask(headers={"foo": "1", "bar": "1"})
    assert not (await site.ask(headers={"foo": "1", "bar": "2"})).is_hit
    assert (await site.ask(headers={"foo": "1", "bar": "1"})).is_hit


# --- 4.2: freshness -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "lasts"),
    [
        ({"cache-control": "max-age=60"}, 60),
        ({"cache-control": "max-age=60, s-maxage=10"}, 10),
        ({"cache-control": "s-maxage=10, max-age=60", "expires": http_date(1_700_009_999)}, 10),
        ({"expires": http_date(1_700_000_030), "date": http_date(1_700_000_000)}, 30),
        ({"expires": http_date(1_700_000_030), "date": http_date(1_700_000_010)}, 20),
        ({"cache-control": "max-age=60", "age": "50"}, 10),
        ({"cache-control": "max-age=60", "date": http_date(1_699_999_980)}, 40),
        ({"cache-control": "max-age=60", "age": "abc"}, 60),
        ({"cache-control": "max-age=60", "age": "-5"}, 60),
        ({"cache-control": "max-age=60", "age": "50, 5"}, 10),
        ({"last-modified": http_date(1_699_999_000), "date": http_date(1_700_000_000)}, 100),
        ({"cache-control": "max-age=99999999999"}, 2_147_483_648),
    ],
)
async def test_section_4_2_for_how_long_it_is_fresh(headers, lasts):
    site = Site(Origin(headers=headers))
    await site.ask()
    site.forward(lasts - 1)
    assert (await site.ask()).is_hit
    site.forward(1)
    await site.ask()
    assert site.origin.count == 2


@pytest.mark.parametrize(
    "control",
    ["max-age=abc", "max-age=-1", "max-age", "max-age=1.5", "max-age=60, max-age=70", "s-maxage=, max-age=60"],
)
async def test_section_4_2_1_of_what_cannot_be_read_nothing_is_believed(control):
    assert not await is_stored({"cache-control": control})


async def test_section_4_2_3_age_is_counted_from_what_it_came_with():
    site = Site(Origin(headers=MINUTE | {"age": "7"}))
    assert (await site.ask())["age"] == "7"
    site.forward(5)
    assert (await site.ask())["age"] == "12"


async def test_section_4_2_4_what_must_be_revalidated_is_not_served_stale():
    for control in ("must-revalidate", "proxy-revalidate", "s-maxage=1", "no-cache"):
        site = Site(Origin(headers={"cache-control": f"max-age=1, {control}"}))
        await site.ask()
        site.forward(30)
        assert not (await site.ask(headers={"cache-control": "max-stale"})).is_hit


# --- 4.3: validation --------------------------------------------------------------------------------------


async def test_section_4_3_1_our_validators_in_place_of_the_clients():
    site = Site(Origin(headers=MINUTE | {"etag": '"a"', "last-modified": http_date(1_690_000_000)}))
    await site.ask()
    site.forward(61)
    await site.ask(headers={"if-none-match": '"other"', "range": "bytes=0-1"})
    asked = site.origin.fields()
    assert asked.values(b"if-none-match") == ['"a"']
    assert asked.first(b"if-modified-since") == http_date(1_690_000_000)
    assert b"range" not in asked


async def test_section_4_3_3_a_304_makes_it_fresh_again():
    site = Site(Origin(headers=MINUTE | {"etag": '"a"', "x-name": "old"}))
    await site.ask()
    site.forward(61)
    site.origin.status, site.origin.body = 304, b""
    site.origin.headers = MINUTE | {"etag": '"a"', "x-name": "new", "content-encoding": "gzip", "content-length": "0"}
    answer = await site.ask()
    assert (answer.status, answer.body, answer["x-name"], answer["content-encoding"]) == (200, b"hello", "new", None)
    assert answer["content-length"] == "5"
    assert "hit; fwd=stale; fwd-status=304; stored" in answer.cache_status
    assert (await site.ask()).is_hit
    assert site.origin.count == 2


FORBIDDING = [
    {"cache-control": "private, max-age=60"},
    {"cache-control": "no-store, max-age=60"},
    {"vary": "*"},
    {"set-cookie": "sessionid=yours"},
]


@pytest.mark.parametrize("more", FORBIDDING)
async def test_section_3_a_304_that_may_not_be_kept_is_not(more):
    """The cookie is for the first client, which gets it with the page; the next request reaches the application."""
    profile = replace(SHARED_CACHE, stores_cookies=False)
    site = Site(Origin(headers=MINUTE | {"etag": '"a"'}), profile)
    await site.ask()
    site.forward(61)
    site.origin.status, site.origin.headers = 304, MINUTE | {"etag": '"a"', "x-name": "you"} | more
    answer = await site.ask()
    assert (answer.status, answer.body, answer["x-name"]) == (200, b"hello", "you")
    assert answer["set-cookie"] == more.get("set-cookie")
    assert (await site.ask(headers={"if-none-match": '"a"'})).status == 304
    site.origin.headers = MINUTE | {"etag": '"a"'}
    answer = await site.ask()
    assert (answer.body, answer["x-name"], answer["set-cookie"]) == (b"hello", None, None)
    assert site.origin.count == 4


async def test_section_3_5_nor_is_a_304_for_authorization():
    site = Site(Origin(headers=MINUTE | {"etag": '"a"'}))
    await site.ask()
    site.forward(61)
    site.origin.status, site.origin.headers = 304, MINUTE | {"etag": '"a"', "x-name": "you"}
    assert (await site.ask(headers={"authorization": "Basic eDp5"}))["x-name"] == "you"
    site.origin.headers = MINUTE | {"etag": '"a"'}
    assert (await site.ask())["x-name"] is None


async def test_section_3_who_waits_for_a_304_that_is_anothers_asks_for_itself():
    opened = asyncio.Event()
    site = Site(Origin(headers=MINUTE | {"etag": '"a"'}))
    await site.ask()
    site.forward(61)
    site.origin.status, site.origin.before = 304, opened.wait
    site.origin.headers = {"cache-control": "private", "etag": '"a"'}
    asking = [asyncio.ensure_future(site.ask()) for _ in range(3)]
    await settle()
    opened.set()
    assert [(answer.status, answer.body) for answer in await asyncio.gather(*asking)] == [(200, b"hello")] * 3
    assert site.origin.count == 4


@pytest.mark.parametrize("more", FORBIDDING)
async def test_section_4_3_5_a_head_that_may_not_be_kept_freshens_nothing(more):
    site = Site(Origin(headers=MINUTE | {"etag": '"a"'}), replace(SHARED_CACHE, stores_cookies=False))
    await site.ask()
    site.forward(61)
    site.origin.headers = MINUTE | {"etag": '"a"', "x-name": "you"} | more
    await site.ask(method="HEAD")
    await settle()
    site.origin.headers = MINUTE | {"etag": '"a"'}
    answer = await site.ask()
    assert (answer.is_hit, answer["x-name"], answer["set-cookie"]) == (False, None, None)


async def test_section_4_3_4_a_304_without_a_date_is_of_now():
    """RFC 9110, section 6.6.1: else what is stored stays as old as it was."""
    site = Site(Origin(headers=MINUTE | {"etag": '"a"', "date": http_date(1_700_000_000)}))
    await site.ask()
    site.forward(61)
    site.origin.status, site.origin.headers = 304, MINUTE | {"etag": '"a"'}
    await site.ask()
    assert (await site.ask()).is_hit
    assert site.origin.count == 2


async def test_section_4_3_4_a_304_about_another_updates_nothing():
    site = Site(Origin(headers=MINUTE | {"etag": '"a"'}))
    await site.ask()
    site.forward(61)
    site.origin.status, site.origin.headers = 304, MINUTE | {"etag": '"b"', "x-name": "b"}
    answer = await site.ask()
    assert (answer.status, answer["etag"], answer["x-name"]) == (200, '"a"', None)
    await site.ask()
    assert site.origin.count == 3


@pytest.mark.parametrize(
    ("headers", "reused"),
    [({"etag": '"a"', "content-length": "5"}, True), ({"etag": '"b"'}, False), ({"content-length": "6"}, False)],
)
async def test_section_4_3_5_a_head_freshens_or_ends_what_is_stored(headers, reused):
    site = Site(Origin(headers=MINUTE | {"etag": '"a"'}))
    await site.ask()
    site.forward(61)
    site.origin.headers = MINUTE | headers
    site.origin.body = b"hello!"[: int(headers.get("content-length", 5))]
    await site.ask(method="HEAD")
    await settle()
    assert (await site.ask()).is_hit is reused


# --- 4.4: invalidation ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "status", "ended"),
    [
        ("POST", 200, True),
        ("PUT", 303, True),
        ("PATCH", 204, True),
        pytest.param("X", 204, True, marks=pytest.mark.asgi),
        ("POST", 500, False),
        ("OPTIONS", 200, False),
    ],
)
async def test_section_4_4_an_unsafe_request_ends_what_is_stored(method, status, ended):
    site = Site(Origin())
    await site.ask("/a")
    site.origin.status = status
    await site.ask("/a", method=method)
    site.origin.status = 200
    assert (await site.ask("/a")).is_hit is not ended


@pytest.mark.parametrize(
    ("name", "value", "ended"),
    [
        ("location", "/b", True),
        ("content-location", "b", True),
        ("location", "http://site/b", True),
        ("location", "http://other/b", False),
        ("location", "http://[", False),
    ],
)
async def test_section_4_4_and_what_it_names_on_the_same_origin(name, value, ended):
    site = Site(Origin())
    await site.ask("/b")
    site.origin.headers = {name: value}
    await site.ask("/a", method="POST")
    site.origin.headers = MINUTE
    assert (await site.ask("/b")).is_hit is not ended


@pytest.mark.parametrize("named", [{}, {"location": "/a?b=1&a=2&utm_source=x"}])
async def test_section_4_4_whatever_the_order_of_its_parameters(named):
    """The invalidated key is the one that readers use."""
    profile = replace(SHARED_CACHE, sorts_parameters=True, ignored_parameters=re.compile("utm_[a-z]+"))
    site = Site(Origin(), profile)
    await site.ask("/a?a=2&b=1")
    site.origin.headers = named
    await site.ask("/b" if named else "/a?utm_source=y&b=1&a=2", method="POST")
    site.origin.headers = MINUTE
    assert not (await site.ask("/a?b=1&a=2")).is_hit


# --- 5.2.1: what a request may want -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("control", "after", "hit"),
    [
        ("max-age=10", 5, True),
        ("max-age=10", 11, False),
        ("max-age=0", 1, False),
        ("min-fresh=20", 30, True),
        ("min-fresh=20", 50, False),
        ("max-stale=10", 65, True),
        ("max-stale=10", 75, False),
        ("max-stale", 500, True),
        ("max-age=70, max-stale=20", 75, True),
        ("no-cache", 1, False),
        ("max-age=abc", 1, False),
        ("nothing, we=know", 1, True),
    ],
)
async def test_section_5_2_1_request_directives(control, after, hit):
    site = Site(Origin())
    await site.ask()
    site.forward(after)
    assert (await site.ask(headers={"cache-control": control})).is_hit is hit


async def test_section_5_2_1_5_no_store_of_a_request_is_heeded():
    assert not await is_stored(MINUTE, {"cache-control": "no-store"})


async def test_section_5_2_1_7_only_if_cached():
    site = Site(Origin())
    assert (await site.ask(headers={"cache-control": "only-if-cached"})).status == 504
    await site.ask()
    assert (await site.ask(headers={"cache-control": "only-if-cached"})).status == 200
    assert site.origin.count == 1


async def test_section_5_4_pragma_counts_without_cache_control():
    site = Site(Origin())
    await site.ask()
    assert not (await site.ask(headers={"pragma": "no-cache"})).is_hit
    assert (await site.ask(headers={"pragma": "no-cache", "cache-control": "max-age=60"})).is_hit


async def test_section_5_2_2_7_private_fields_are_not_kept():
    site = Site(Origin(headers={"cache-control": 'max-age=60, private="x-name, set-cookie"', "x-name": "you"}))
    assert (await site.ask())["x-name"] == "you"
    assert (await site.ask())["x-name"] is None
    assert site.origin.count == 1


async def test_section_5_2_2_4_no_cache_with_fields_is_as_without():
    assert not await is_stored({"cache-control": 'max-age=60, no-cache="x-name"'})


@pytest.mark.parametrize("name", ["cookie", "user-agent", "authorization", "referer"])
@pytest.mark.parametrize("pair", [*itertools.combinations(["x,y", "x, y", "x,,y", "x", "X", "", None], 2)])
async def test_section_4_1_a_field_that_is_no_list_is_compared_as_it_is(name, pair):
    site = Site(Origin(headers={"cache-control": "public, max-age=60", "vary": name}))
    for value in pair:
        await site.ask(headers={} if value is None else {name: value})
    assert site.origin.count == 2


@pytest.mark.parametrize(("name", "second"), [("accept-language", "EN ,de"), ("x-list", "en , de")])
async def test_section_4_1_blanks_round_the_commas_of_a_list_do_not_count(name, second):
    site = Site(Origin(headers={"cache-control": "max-age=60", "vary": name}))
    for value in ("en,de" if name == "x-list" else "en, de", second):
        await site.ask(headers={name: value})
    assert site.origin.count == 1
