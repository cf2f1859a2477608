"""Malformed fields cause no error and store no forbidden page; private pages stay private."""

import asyncio
import random
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from content.caching.edge import SHARED_CACHE, Profile
from content.caching.edge.normalization import MOST_PARAMETERS
from content.caching.edge.request import FIELD_OVERHEAD, RequestCache
from content.caching.edge.rules.directives import parse_cached
from tests.support.edge import Origin, Site, settle
from tests.support.wait import wait_until_async
from tests.support.wire import answer, connect, request

STRICT = Profile(
    explicit_only=True,
    stores_cookies=False,
    personal_cookies=frozenset({"sessionid"}),
    reload_after=1.0,
    hosts=lambda host: host in ("site", "other"),
    passes=re.compile("/admin/"),
    ignored_parameters=re.compile("utm_[a-z]+|fbclid"),
    sorts_parameters=True,
    visible_fields=frozenset({b"host", b"accept", b"accept-language"}),
    makes_whole=True,
    invalidates=False,
)
MINUTE = {"cache-control": "max-age=60"}

text = some.text(some.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40)
REQUEST_FIELDS = [
    "cache-control",
    "pragma",
    "range",
    "if-range",
    "if-none-match",
    "if-modified-since",
    "cookie",
    "accept",
]
RESPONSE_FIELDS = [
    "cache-control",
    "cdn-cache-control",
    "age",
    "expires",
    "date",
    "vary",
    "etag",
    "last-modified",
    "connection",
]


profiles = some.sampled_from([SHARED_CACHE, STRICT])
forbidden = some.sampled_from(["no-store", "private", "NO-STORE", "no-store, max-age=9"])


def fields_of(names):
    return some.lists(some.tuples(some.sampled_from(names), text), max_size=6)


@given(
    request=fields_of(REQUEST_FIELDS),
    response=fields_of(RESPONSE_FIELDS),
    profile=some.sampled_from([SHARED_CACHE, STRICT]),
)
def test_malformed_fields_cause_no_error(request, response, profile):
    async def ask_twice():
        site = Site(Origin(headers=response), profile)
        for _ in range(2):
            answer = await site.ask("/?a=1", request)
            assert answer.status in (200, 206, 304, 416, 504)
            await settle()

    asyncio.run(ask_twice())


@given(
    noise=fields_of(RESPONSE_FIELDS),
    forbidding=some.sampled_from(["no-store", "private", "NO-STORE", "no-store, max-age=9"]),
)
def test_nothing_makes_a_forbidden_response_kept(noise, forbidding):
    """Other directives do not matter, except in a targeted field, which overrides."""

    async def ask_twice():
        fields = [(name, value) for name, value in noise if name not in ("cdn-cache-control", "cache-control")]
        site = Site(Origin(headers=[*fields, ("cache-control", forbidding)]))
        await site.ask()
        await site.ask()
        assert site.origin.count == 2

    asyncio.run(ask_twice())


# --- one reader's response never reaches another (I8) ----------------------------------------------------------


class Personal:
    """Says who asks, in the body, with headers as careless as applications have them."""

    CONTROLS = [
        "max-age=60",
        "s-maxage=60",
        "private, max-age=60",
        "no-store",
        "no-cache",
        "",
        "max-age=60, must-revalidate",
    ]

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    async def __call__(self, scope, receive, send) -> None:
        await receive()
        fields = dict(scope["headers"])
        who = fields.get(b"cookie", b"") + fields.get(b"authorization", b"")
        headers = [(b"evergreen-cache-control", self.chance.choice(self.CONTROLS).encode())]
        if self.chance.random() < 0.3:
            headers.append((b"vary", self.chance.choice([b"accept", b"cookie", b"*"])))
        if self.chance.random() < 0.2:
            headers.append((b"set-cookie", b"sessionid=" + who))
        if self.chance.random() < 0.5:
            headers.append((b"content-length", str(len(who)).encode()))
        for _ in range(self.chance.randrange(4)):
            await asyncio.sleep(0)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": who})


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 10))])
async def test_i8_no_private_response_crosses(seed):
    """Two thousand interleaved requests each, of five readers and of nobody, over a few URLs."""
    chance = random.Random(seed)
    site = Site(Personal(chance), STRICT)

    async def reader(name: str) -> None:
        for _ in range(100):
            path = chance.choice(["/", "/a", "/a?b=1", "/A", "/a/..%2fb", "/a.css", "/a;x=1"])
            headers = {"accept": chance.choice(["a", "b"])}
            if name:
                headers |= chance.choice([{"cookie": f"x=1; sessionid={name}"}, {"authorization": f"Bearer {name}"}])
            if chance.random() < 0.1:
                headers["cache-control"] = chance.choice(["no-cache", "max-age=0", "max-stale"])
            body = (await site.ask(path, headers)).body.decode()
            own = [value for value in headers.values() if name and name in value]
            assert body == (own[0] if own else ""), f"{name!r} was given {body!r}"
            if chance.random() < 0.05:
                site.forward(30)

    names = ["", *(f"reader-{number}" for number in range(5))]
    await asyncio.gather(*(reader(chance.choice(names)) for _ in range(20)))


# --- classes of web cache poisoning and deception -----------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "x-forwarded-host",
        "x-forwarded-scheme",
        "x-forwarded-proto",
        "x-original-url",
        "x-rewrite-url",
        "forwarded",
        "x-host",
        "user-agent",
        "x-http-method-override",
        "origin",
        "referer",
        "cookie",
        "true-client-ip",
        "x-anything",
    ],
)
async def test_poisoning_by_a_field_that_is_not_in_the_key(name):
    """The application cannot put into a page what it does not see."""
    site = Site(Origin(headers=MINUTE), STRICT)
    await site.ask(headers={name: "evil"})
    assert name.encode() not in site.origin.fields()


async def test_poisoning_by_the_host():
    site = Site(Origin(headers=MINUTE), STRICT)
    assert (await site.ask(host="evil")).status == 400
    await site.ask(host="site")
    assert not (await site.ask(host="other")).is_hit
    assert site.origin.count == 2


async def test_poisoning_by_parameters_that_the_key_ignores():
    site = Site(Origin(headers=MINUTE), STRICT)
    await site.ask("/?utm_source=<script>&b=2&a=1&utm%5Fx=1&fbclid=9")
    assert site.origin.requests[0]["query_string"] == b"a=1&b=2"
    assert (await site.ask("/?a=1&b=2")).is_hit
    assert not (await site.ask("/?a=2&b=2&a=1")).is_hit
    assert not (await site.ask("/?a=1&a=2&b=2")).is_hit, "the order of one name's values may matter"


class Echo:
    """Answers with what it was sent."""

    async def __call__(self, scope, receive, send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        fields = [(b"cache-control", b"max-age=60"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": body})


def sending(length, content=b""):
    return request("GET", "/", [(b"host", b"site"), (b"content-length", b"%d" % length)]) + content


@pytest.mark.parametrize("profile", [SHARED_CACHE, STRICT])
async def test_poisoning_by_the_content_of_a_get(profile):
    """A fat GET: its content is not in the key, and what was made of it is nobody else's."""
    site = Site(Echo(), profile)
    async with connect(site.edge) as (reader, writer, _):
        writer.write(sending(4, b"evil"))
        assert (await answer(reader))[2] == (b"" if profile is STRICT else b"evil")
    assert (await site.ask()).body == b""


@pytest.mark.parametrize("profile", [SHARED_CACHE, STRICT])
async def test_no_request_waits_for_what_another_client_does_not_send(profile):
    """Content that was announced and never comes would hold all who ask for the page."""
    site = Site(Echo(), profile)
    async with connect(site.edge) as (_, writer, _):
        writer.write(sending(4))
        await settle()
        async with asyncio.timeout(60):
            assert (await site.ask()).body == b""


@pytest.mark.parametrize("profile", [SHARED_CACHE, STRICT])
async def test_who_sends_content_with_a_get_may_ask_again_on_its_connection(profile):
    site = Site(Echo(), profile)
    async with connect(site.edge) as (reader, writer, _):
        for _ in range(2):
            writer.write(sending(4))
            await settle()
            writer.write(b"evil")
            assert (await answer(reader))[0] == 200
            await settle()


async def test_poisoning_by_an_error_that_one_request_brings_about():
    site = Site(Origin(headers={}, status=400), STRICT)
    await site.ask(headers={"x-oversized": "x" * 5000})
    site.origin.status, site.origin.headers = 200, MINUTE
    assert (await site.ask()).status == 200


async def test_poisoning_by_a_method_in_disguise():
    site = Site(Origin(headers=MINUTE), STRICT)
    await site.ask(method="HEAD")
    answer = await site.ask()
    assert (answer.body, answer.is_hit) == (b"hello", True), "HEAD made the whole"
    assert site.origin.requests[0]["method"] == "GET"


@pytest.mark.parametrize(
    "path", ["/account/x.css", "/account%2fx.css", "/account;x.css", "/account/..%2fx.js", "/Account", "//account"]
)
async def test_deception_by_paths_that_look_like_files(path):
    """A personal page is not stored: its response says so, or its request does."""
    site = Site(Origin(headers={}), STRICT)
    for _ in range(2):
        await site.ask(path)
    assert site.origin.count == 2
    site.origin.headers = MINUTE
    for _ in range(2):
        assert not (await site.ask(path, {"cookie": "sessionid=1"})).is_hit
    assert not (await site.ask(path)).is_hit


@pytest.mark.parametrize(
    "cookies", ["sessionid=1", "a=b; sessionid=1", 'a="x; sessionid=1', "sessionid=1; a=\x80b", ",sessionid=1"]
)
async def test_a_session_is_seen_however_its_cookies_are_written(cookies):
    site = Site(Origin(headers=MINUTE), STRICT)
    for _ in range(2):
        assert not (await site.ask(headers={"cookie": cookies})).is_hit


async def test_what_is_public_is_for_somebody_too_but_is_not_made_for_them():
    site = Site(Origin(headers={"cache-control": "public, max-age=60"}), STRICT)
    somebody = {"cookie": "sessionid=1"}
    await site.ask(headers=somebody)
    assert not (await site.ask()).is_hit
    assert (await site.ask(headers=somebody)).is_hit


async def test_set_cookie_is_never_kept():
    site = Site(Origin(headers={"cache-control": "public, max-age=60", "set-cookie": "a=b"}), STRICT)
    await site.ask()
    assert not (await site.ask()).is_hit


async def test_who_reloads_reaches_the_application_once_a_second_at_most():
    site = Site(Origin(headers=MINUTE), STRICT)
    for _ in range(5):
        await site.ask(headers={"cache-control": "no-cache"})
    assert site.origin.count == 1
    site.forward(1.5)
    await site.ask(headers={"cache-control": "no-cache"})
    assert site.origin.count == 2


async def test_concurrent_reloads_reach_the_application_once():
    opened = asyncio.Event()
    site = Site(Origin(headers=MINUTE), STRICT)
    await site.ask()
    site.forward(1.5)
    site.origin.before, site.origin.body = opened.wait, b"new"
    asking = [asyncio.ensure_future(site.ask(headers={"cache-control": "no-cache"})) for _ in range(20)]
    await wait_until_async(lambda: site.origin.count == 2, "the application is called again")
    await settle()
    opened.set()
    assert {answer.body for answer in await asyncio.gather(*asking)} == {b"new"}
    assert site.origin.count == 2


async def test_a_field_that_the_application_is_not_shown_makes_no_variants():
    """Otherwise a client with a new cookie each time would make and store a new page each time."""
    site = Site(Origin(headers=MINUTE | {"vary": "Cookie, Accept"}), STRICT)
    for number in range(5):
        answer = await site.ask(headers={"cookie": f"a={number}", "accept": "text/html"})
        assert answer["vary"] == "Cookie, Accept", "caches on the way are told"
    assert site.origin.count == 1
    assert not (await site.ask(headers={"accept": "text/plain"})).is_hit


async def test_a_condition_or_a_range_of_one_reader_leaves_a_whole_for_all():
    site = Site(Origin(headers=MINUTE | {"etag": '"a"'}), STRICT)
    assert (await site.ask(headers={"if-none-match": '"a"'})).status == 304
    assert (await site.ask(headers={"range": "bytes=0-1"})).body == b"he"
    assert (await site.ask()).body == b"hello"
    assert site.origin.count == 1


async def test_passed_paths_are_passed_untouched():
    site = Site(Origin(headers=MINUTE), STRICT)
    for _ in range(2):
        answer = await site.ask("/admin/", {"cookie": "csrftoken=1", "x-any": "1"})
        assert answer["cache-status"] is None
    assert site.origin.fields().first(b"x-any") == "1"


async def test_without_a_strict_profile_it_is_as_the_rfcs_have_it():
    lenient = replace(SHARED_CACHE)
    site = Site(Origin(headers=MINUTE | {"set-cookie": "a=b"}), lenient)
    await site.ask(headers={"cookie": "sessionid=1"})
    assert (await site.ask()).is_hit


async def test_poisoning_by_two_hosts():
    """RFC 9112, section 3.2: nobody may choose which of them the key has and which the application believes."""
    site = Site(Origin())
    answer = await site.ask(headers=[("host", "other")])
    assert (answer.status, site.origin.count) == (400, 0)


@pytest.mark.parametrize(
    ("host", "target", "meant"),
    [("site/a", "/b", ("site", "/a/b")), ("site?c=", "/b", ("site", "?c=/b")), ("site/?", "/b", ("site", "/?/b"))],
)
async def test_poisoning_by_a_host_with_a_path(host, target, meant):
    """RFC 9112, section 3.2: what is no host is refused. Else it and its path were another page's URL."""
    site = Site(Origin(body=b"evil"))
    assert (await site.ask(target, host=host)).status == 400
    site.origin.body = b"good"
    assert (await site.ask(meant[1], host=meant[0])).body == b"good"


@pytest.mark.parametrize("host", ["site", "site:80", "site:", "[::1]:80", "127.0.0.1", "xn--a_b.site.", "a%20b", ""])
async def test_what_may_be_a_host_is_none_of_the_caches_business(host):
    site = Site(Origin())
    for _ in range(2):
        assert (await site.ask(host=host)).status == 200
    assert site.origin.count == 1


@pytest.mark.asgi
async def test_poisoning_by_a_target_that_lengthens_the_host():
    """There are servers that let it through."""
    site = Site(Origin(body=b"evil"))
    assert (await site.ask("00/a", host="site:80")).body == b"evil"
    site.origin.body = b"good"
    assert (await site.ask("/a", host="site:8000")).body == b"good"
    assert not (await site.ask("00/a", host="site:80")).is_hit


@pytest.mark.asgi
@pytest.mark.parametrize(("path", "query"), [("/a?b=c", b""), ("/a", b"b=c"), ("/a%3fb=c", b"")])
async def test_poisoning_by_a_path_that_was_decoded(path, query):
    """ASGI has the path as it came where the server tells it; without, a question mark in it is not the query's."""
    site = Site(Origin())
    for asked in (("/a?b=c", b""), ("/a", b"b=c"), ("/a%3fb=c", b"")):
        site.origin.body = repr(asked).encode()
        await site.ask_decoded(*asked)
    assert (await site.ask_decoded(path, query)).body == repr((path, query)).encode()
    assert site.origin.count == 3


async def test_poisoning_by_the_case_of_the_host():
    """The application sees the host of the key, since it may write the host into its URLs."""
    site = Site(Origin(headers=MINUTE), replace(STRICT, hosts=lambda host: host == "site"))
    await site.ask(host="SITE")
    assert site.origin.fields().first(b"host") == "site"
    assert (await site.ask()).is_hit


# --- exhaustion -----------------------------------------------------------------------------------------------------


async def test_what_clients_say_at_length_is_not_remembered():
    """A thousand fields of 60 kB, other each time, would take ten times as much when they are understood."""
    site = Site(Origin())
    parse_cached.cache_clear()
    for number in range(20):
        noise = ",".join(f"a{each}" for each in range(500))
        await site.ask(headers={"cache-control": f"max-age={number + 1}, {noise}"})
    assert parse_cached.cache_info().currsize < 5, "what the site itself says"


async def test_a_query_of_very_many_parameters_is_not_put_in_order():
    """Else one request of 60 kB held all others for a fifth of a second. Key and application have it as it came."""
    site = Site(Origin(headers=MINUTE), STRICT)
    query = "b=1&utm_x=1&a=1" + "&" * MOST_PARAMETERS
    for _ in range(2):
        answer = await site.ask(f"/?{query}")
    assert answer.is_hit
    assert site.origin.requests[0]["query_string"] == query.encode()
    assert not (await site.ask("/?a=1&b=1")).is_hit


def test_what_is_remembered_is_bounded_by_number_and_by_weight():
    few, light = RequestCache(10), RequestCache(10_000, 10_000)
    for number in range(100):
        few.add(number, "x", 0)
        light.add(number, "x", 1000)
        assert len(few) <= 10
        assert len(light) <= 10
        assert light.get(0) == "x", "what is asked for stays"
    assert few.get(0) is None


async def test_heads_of_many_short_fields_weigh_what_they_take():
    """A kilobyte each, and a hundred as understood: four thousand of them, never the same, were half a gigabyte."""
    site = Site(Origin(headers=MINUTE | {"vary": "a"}))
    fields = [(b"host", b"site"), *((b"%d" % number, b"") for number in range(60))]
    async with connect(site.edge) as (reader, writer, served):
        for _ in range(4):
            writer.write(request("GET", "/", fields))
            assert (await answer(reader))[0] == 200
            await settle()
        for known_there in (
            site.edge.fast_path.parsed_requests,
            site.edge.fast_path.variant_keys,
            served.shared_caches.sections,
            served.shared_caches.candidates,
        ):
            assert len(known_there) == 1
            assert known_there.weight > 60 * FIELD_OVERHEAD


@pytest.mark.parametrize("length", ["\u00b2", "9" * 5000, "1_0", "-1", "+5", " 5", "5, 5"])
@pytest.mark.asgi
async def test_a_length_that_is_none_is_no_error_and_nothing_is_kept_by_it(length):
    site = Site(Origin(headers={"cache-control": "max-age=60", "content-length": length}))
    for _ in range(2):
        assert (await site.ask()).body == b"hello"
    assert site.origin.count == 2 or length == " 5"


@pytest.mark.asgi
async def test_a_field_that_no_connection_takes_is_written_to_none():
    site = Site(Origin(headers={"cache-control": "max-age=60", "x y": "1"}))
    await site.ask()
    assert site.edge.fast_path.lookup_scope(site.scope("/", None)) is None
