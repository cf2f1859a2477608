"""Parameters, hosts, cookies and Authorization that strangers make up store nothing and do not bypass the cache."""

import asyncio
from dataclasses import replace

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.core.handlers.asgi import ASGIHandler
from django.http import QueryDict
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from content.cache_headers import shared_parameters
from content.caching.edge import EdgeCache
from content.caching.edge.profile import ANY_PARAMETER
from content.caching.queries import count_queries
from content.models import Redirect
from content.resources import addresses
from project.edge import PASSES, canonical_host, site_profile
from tests.support.blog import make_blog, make_post
from tests.support.wire import exchange, server_config

pytestmark = pytest.mark.django_db(transaction=True)

SERVER = "http://testserver"


@pytest.fixture
def blog():
    cache.clear()
    yield make_blog()
    cache.clear()


class Counted:
    """The site, with the requests that reach it."""

    def __init__(self) -> None:
        self.app = ASGIHandler()
        self.scopes = []

    async def __call__(self, scope, receive, send) -> None:
        self.scopes.append(scope)
        await self.app(scope, receive, send)


@pytest.fixture
async def site(blog, monkeypatch):
    # A busy machine takes longer to look up an address than a request waits for it.
    monkeypatch.setattr(addresses, "_LONGEST_WAIT", 60.0)
    edge = EdgeCache(Counted(), profile=site_profile())

    async def is_stored(response: httpx.Response) -> None:
        while tasks := edge.engine.loop_state().tasks:
            await asyncio.wait(set(tasks))

    transport = httpx.ASGITransport(app=edge)
    async with httpx.AsyncClient(
        transport=transport, base_url=SERVER, event_hooks={"response": [is_stored]}
    ) as client:
        client.edge = edge
        yield client


def pages(edge: EdgeCache) -> set[str]:
    return {key for key in edge.engine.memory.nodes if key.startswith("page@")}


async def test_made_up_parameters_store_nothing_and_reach_no_view(site):
    await site.get("/posts/post-1/")
    await site.get("/")
    stored, asked = pages(site.edge), len(site.edge.app.scopes)
    for number in range(200):
        for path in ("/posts/post-1/", "/"):
            response = await site.get(f"{path}?x{number}={number}&{number}")
            assert "; hit" in response.headers["Cache-Status"]
    assert pages(site.edge) == stored
    assert len(site.edge.app.scopes) == asked


async def test_parameters_that_a_view_reads_are_kept_the_last_of_each(site):
    for query in ("page=2", "a=1&page=1&page=2&b=2", "page=2&utm_source=x", "%70age=2"):
        response = await site.get(f"/?{query}")
        assert response.status_code == 200
    assert len({key for key in pages(site.edge) if "page=2" in key or "%70age" in key}) <= 2
    assert site.edge.app.scopes[0]["query_string"] == b"page=2"
    assert (await site.get("/?page=99")).status_code == 404
    assert "post-12" in (await site.get("/?page=2")).text


async def test_a_redirect_keeps_what_the_whole_path_reads(site):
    response = await site.get("/search?q=a%20b&x=1")
    assert (response.status_code, response.headers["Location"]) == (301, "/search/?q=a%20b")


async def test_ports_and_case_of_the_host_make_no_variants(site):
    await site.get("/")
    stored = pages(site.edge)
    hosts = [f"testserver:{port}" for port in range(1, 3000, 47)] + ["TestServer", "TESTSERVER:80", "testserver."]
    for host in hosts:
        response = await site.get("/", headers={"Host": host})
        assert "; hit" in response.headers["Cache-Status"], host
    assert pages(site.edge) == stored


async def test_feeds_have_the_port_that_the_server_has(blog):
    edge = EdgeCache(ASGIHandler(), cache="default", profile=site_profile())
    transport = httpx.ASGITransport(app=edge)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver:8123") as client:
        assert "http://testserver:8123/" in (await client.get("/feed.xml")).text
        other = (await client.get("/feed.xml", headers={"Host": "testserver:9"})).text
        assert "http://testserver/" in other
        assert ":9/" not in other


@pytest.mark.parametrize(
    ("host", "port", "base", "expected"),
    [
        ("a.b:8000", 8000, "", "a.b:8000"),
        ("a.b:8001", 8000, "", "a.b"),
        ("a.b:8443", 8000, "", "a.b:8443"),
        ("a.b:8000", None, "", "a.b"),
        ("a.b:8000", 8000, "https://a.b", "a.b"),
        ("[::1]:8000", 8000, "", "[::1]:8000"),
        ("a.b:" + "9" * 5000, 8000, "", "a.b"),
        ("a.b.", 8000, "", "a.b"),
    ],
)
def test_known_ports(settings, host, port, base, expected):
    settings.BASE_URL = base
    settings.WARM_ORIGINS = ["https://a.b:8443"]
    assert canonical_host(host, port) == expected


MADE_UP = [
    {"Cookie": "sessionid=made-up"},
    {"Authorization": "Basic x"},
    {"Authorization": "Bearer y", "Cookie": "a=b"},
]


@pytest.mark.parametrize("headers", MADE_UP)
@pytest.mark.parametrize("path", ["/", "/posts/post-1/", "/feed.xml", "/nothing/", "/api/v1/posts/post-1/"])
async def test_made_up_credentials_do_not_bypass_the_cache(site, path, headers):
    """Nor does the view see them, so that nothing of them is in a page that others get (I8)."""
    first = await site.get(path, headers=headers)
    again = await site.get(path, headers=headers)
    others = await site.get(path)
    assert "; hit" in again.headers["Cache-Status"]
    assert "; hit" in others.headers["Cache-Status"]
    assert first.content == again.content == others.content
    for scope in site.edge.app.scopes:
        assert not {b"cookie", b"authorization"} & {name for name, _ in scope["headers"]}


@pytest.mark.parametrize("headers", MADE_UP)
async def test_a_plain_hit_takes_the_fast_path_with_them_too(site, headers):
    await site.get("/posts/post-1/")
    pairs = [(b"host", b"testserver"), *((name.lower().encode(), value.encode()) for name, value in headers.items())]

    def never(*anything):
        raise AssertionError("left the fast path")

    site.edge.fast_path.representations_of = never
    status, fields, _ = await exchange(server_config(site.edge), "GET", "/posts/post-1/?made=up", pairs)
    assert status == 200
    assert b"; hit" in dict(fields)[b"cache-status"]


@pytest.mark.parametrize("path", ["/admin/", "/posts/post-1/comment/"])
async def test_what_may_differ_by_reader_still_sees_who_asks(site, path):
    await site.get(path, headers={"Cookie": "sessionid=made-up", "Authorization": "Basic x"})
    seen = {name for name, _ in site.edge.app.scopes[-1]["headers"]}
    assert {b"cookie", b"authorization"} <= seen


async def test_i8_a_page_that_may_differ_by_reader_is_not_shared_with_who_names_himself():
    """The view of `/own/` declares nothing; that of `/` does."""

    async def app(scope, receive, send) -> None:
        cookie = dict(scope["headers"]).get(b"cookie", b"nobody")
        headers = [(b"content-length", str(len(cookie)).encode()), (b"evergreen-cache-control", b"max-age=60")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": cookie})

    profile = replace(site_profile(), shared_parameters={"/": frozenset()}.get, stand_in=None)
    edge = EdgeCache(app, profile=profile)
    for path, own in (("/own/", b"sessionid=me"), ("/", b"nobody")):
        for cookie, body in ((b"sessionid=me", own), (None, b"nobody"), (b"sessionid=me", own)):
            pairs = [(b"host", b"testserver"), *([(b"cookie", cookie)] if cookie else [])]
            assert (await exchange(server_config(edge), "GET", path, pairs))[2] == body
            while tasks := edge.engine.loop_state().tasks:
                await asyncio.wait(set(tasks))


# --- every route -----------------------------------------------------------------------------------------------


def routes(resolver=None, prefix: str = ""):
    for pattern in (resolver or get_resolver()).url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, route)
        elif isinstance(pattern, URLPattern):
            yield route, pattern.callback


def as_path(route: str) -> str:
    """A route that is a regular expression, without its beginning and its end."""
    return route.replace("^", "").removesuffix(r"\Z")


def test_every_route_declares_whether_its_pages_are_the_same_for_all():
    """A new view is either declared or passed by the edge."""
    undeclared = {
        route
        for route, view in routes()
        if not hasattr(view, "shared_parameters") and not PASSES.match(f"/{as_path(route)}")
    }
    assert undeclared == set()


@pytest.mark.parametrize(
    "path",
    ["/", "/posts/post-1/", "/categories/news/", "/tags/green/", "/authors/ann/", "/archive/", "/popular/",
     "/trending/", "/feed.xml", "/sitemap.xml", "/robots.txt", "/search/", "/about/", "/favicon.ico"],
)  # fmt: skip
def test_views_read_no_parameters_but_those_they_declare(rf, client, blog, monkeypatch, path):
    make_post("about", kind="page")
    read = set()
    for name in ("__getitem__", "get", "getlist", "__contains__"):
        real = getattr(QueryDict, name)

        def spy(self, key, *args, real=real):
            read.add(key)
            return real(self, key, *args)

        monkeypatch.setattr(QueryDict, name, spy)
    assert client.get(path).status_code in (200, 302)
    parameters = shared_parameters(path)
    assert parameters is not None
    assert parameters is not ANY_PARAMETER
    assert read <= parameters


async def test_staff_see_in_public_what_all_see_and_their_own_in_the_admin(site, blog):
    """A page that is the same for all has nothing for staff; the admin is never shared."""

    def logged_in() -> str:
        user = get_user_model().objects.create_superuser("boss", password="x")
        client = Client()
        client.force_login(user)
        return client.cookies["sessionid"].value

    cookie = {"Cookie": f"sessionid={await sync_to_async(logged_in)()}"}
    anonymous = await site.get("/posts/post-1/")
    assert (await site.get("/posts/post-1/", headers=cookie)).content == anonymous.content
    assert (await site.get("/admin/", headers=cookie)).status_code == 200
    assert (await site.get("/admin/")).status_code == 302


# --- addresses that lead nowhere -----------------------------------------------------------------------------------

UNKNOWN = ["/x%0a{}", "/posts/no-such-{}/", "/no-such-{}/", "/tags/no-{}/", "/a/b/c-{}/", "/authors/x-{}/feed.xml"]


async def test_unknown_addresses_share_one_page_and_store_nothing(site):
    await site.get("/posts/no-such-thing/")
    stored, asked = pages(site.edge), len(site.edge.app.scopes)
    entries = len(site.edge.engine.memory), len(cache._cache)
    with count_queries() as queries:
        for number in range(20):
            for path in UNKNOWN:
                response = await site.get(path.format(number))
                assert response.status_code == 404, path
                assert "; hit" in response.headers["Cache-Status"]
    assert len(queries.statements) == 20 * (len(UNKNOWN) - 1)
    assert pages(site.edge) == stored
    assert (len(site.edge.engine.memory), len(cache._cache)) == entries
    assert len(site.edge.app.scopes) == asked
    await sync_to_async(make_post)("no-such-1")
    assert (await site.get("/posts/no-such-1/")).status_code == 200
    assert (await site.get("/posts/no-such-2/")).status_code == 404


async def test_what_has_an_address_reaches_its_view(site, blog):
    await saved_as(blog[2], status="withdrawn")
    await saved_as(blog[3], status="draft")
    await sync_to_async(make_post)("about", kind="page")
    await sync_to_async(Redirect.objects.create)(old_path="/old/x.html", new_path="/posts/post-1/")
    expected = {
        "/posts/post-1/": 200, "/posts/post-1": 301, "/posts/post-2/": 410, "/posts/post-3/": 404, "/about/": 200,
        "/about": 301, "/posts/about/": 404, "/post-1/": 404, "/old/x.html": 301, "/archive": 301,
        "/tags/green/": 200, "/tags/green/feed.xml": 200, "/tags/ann/": 404, "/archive/2001/": 404,
        "/" + "x" * 600: 404, "/%00": 404,
    }  # fmt: skip
    assert {path: (await site.get(path)).status_code for path in expected} == expected


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/posts/c%23-tips", "/posts/c%23-tips/"),
        ("/what%3f?page=2&x=1", "/what%3F/"),
        ("//evil.example/x", None),
        ("/a%25b", "/a%25b/"),
    ],
)
async def test_what_lacks_a_slash_is_redirected_without_a_view_and_stored_nowhere(site, path, location):
    asked = len(site.edge.app.scopes)
    response = await site.get(SERVER + path)
    assert response.status_code == 301
    assert response.headers["Location"] == (location or "/%2Fevil.example/x/")
    assert response.headers["Cache-Control"] == "no-store"
    assert len(site.edge.app.scopes) == asked
    assert not pages(site.edge)


@pytest.fixture
def https_only(settings):
    settings.SECURE_SSL_REDIRECT = True


async def test_over_plain_http_a_site_of_https_redirects_to_the_same_path(https_only, site):
    response = await site.get("/posts/no-such-thing/")
    assert (response.status_code, response.headers["Location"]) == (301, "https://testserver/posts/no-such-thing/")


async def saved_as(row, **values) -> None:
    for name, value in values.items():
        setattr(row, name, value)
    await sync_to_async(row.save)()


async def test_many_unknown_addresses_at_once_are_one_query(site):
    await site.get("/posts/no-such-thing/")
    with count_queries() as queries:
        responses = await asyncio.gather(*(site.get(f"/posts/no-such-{number}/") for number in range(80)))
    assert {response.status_code for response in responses} == {404}
    # One each would be 80. How many come while a query runs is the machine's affair.
    assert len(queries.statements) < 40


async def test_beyond_the_bound_of_waiting_addresses_there_is_503(site, monkeypatch):
    monkeypatch.setattr(addresses, "_MOST_WAITING", 1)
    await site.get("/posts/no-such-thing/")
    responses = await asyncio.gather(*(site.get(f"/posts/no-such-{number}/") for number in range(5)))
    statuses = [response.status_code for response in responses]
    assert set(statuses) == {404, 503}
    refused = responses[statuses.index(503)]
    assert refused.headers["Retry-After"] == "1"
    assert refused.headers["Content-Type"].startswith("text/html")


async def test_without_the_database_an_address_is_tried_as_before(site, monkeypatch):
    async def fails(addresses):
        raise OSError("no database")

    monkeypatch.setattr(addresses.selectors, "find_existing", fails)
    assert (await site.get("/posts/post-1/")).status_code == 200
    assert (await site.get("/posts/no-such-thing/")).status_code == 404
