"""A prohibition beats a permission: what a view forbids, no decorator, setting or other field allows.

Directive x case of letters x field x place x kind of view, beside Django's own cache_page for the same response.
"""

import itertools
from functools import cache

import pytest
from asgiref.sync import sync_to_async
from django.core.cache import caches
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.test import RequestFactory, override_settings
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.cache import cache_page as djangos_cache_page

from content.caching.edge import SHARED_CACHE, Profile, cache_page
from content.caching.edge.cdn_headers import CdnHeaders
from tests.support.edge import Site

PROHIBITIONS = [
    "private",
    "no-store",
    "no-cache",
    "max-age=60, private",
    "private, max-age=60",
    "public, no-store",
    'private="x-name"',
    'no-cache="x-name"',
    "must-understand, no-store",
    "max-age=60; private",  # no directive: it cannot be parsed
    'max-age="60, no-store',
    "max-age=60 private",
]
PERMISSIONS = ["max-age=60", "public, max-age=60", "s-maxage=60", "must-revalidate"]
CASES = {"lower": str.lower, "upper": str.upper, "title": str.title}
FIELDS = {
    "Cache-Control": ["Cache-Control"],
    "Evergreen": ["Evergreen-Cache-Control"],
    "CDN": ["CDN-Cache-Control"],
    "Surrogate": ["Surrogate-Control"],
    "both": ["Cache-Control", "Evergreen-Cache-Control"],
}
PLACES = ["view", "edge", "edge behind the view", "edge with a CDN"]
KINDS = ["sync", "async", "class", "async class", "template"]
CDN = Profile(cdn=CdnHeaders())

made: list[str] = []
said: dict[str, str] = {}


def respond(request):
    made.append(request.path)
    return HttpResponse(f"{len(made)}", headers=said)


async def respond_later(request):
    return respond(request)


class Sync(View):
    def get(self, request):
        return respond(request)


class Async(View):
    async def get(self, request):
        return respond(request)


def respond_with_template(request):
    made.append(request.path)
    template = engines["django"].from_string("{{ number }}")
    response = TemplateResponse(request, template, {"number": len(made)})
    for name, value in said.items():
        response[name] = value
    return response


VIEWS = {
    "sync": respond,
    "async": respond_later,
    "class": Sync.as_view(),
    "async class": Async.as_view(),
    "template": respond_with_template,
}


def stream(request):
    async def chunks():
        yield f"{len(made)} for {request.COOKIES.get('name')}"

    made.append(request.path)
    return StreamingHttpResponse(chunks())


def forbid_later(get_response):
    def middleware(request):
        response = get_response(request)
        if request.path.startswith("/later/"):
            response["Cache-Control"] = request.GET["say"]
        if request.path.startswith("/cookie/"):
            response.set_cookie("name", "value")
        return response

    return middleware


urlpatterns = [
    *(path(f"edge/{kind}/", cache_page(60)(view)) for kind, view in VIEWS.items()),
    *(path(f"view/{kind}/", cache_page(60, cache="default")(view)) for kind, view in VIEWS.items()),
    path("outside/private/", cache_control(private=True)(cache_page(60)(respond))),
    path("outside/never/", never_cache(cache_page(60)(respond))),
    path("outside/no-cache/", cache_control(no_cache=True)(cache_page(60)(respond))),
    path("outside/no-store/", cache_control(no_store=True)(cache_page(60)(respond))),
    path("inside/private/", cache_page(60)(cache_control(private=True)(respond))),
    path("inside/never/", cache_page(60)(never_cache(respond))),
    path("inside/dispatch/", method_decorator(cache_page(60), name="dispatch")(Sync).as_view()),
    path("later/", cache_page(60)(respond)),
    path("cookie/", cache_page(60)(respond)),
    path("stream/", cache_page(60)(stream)),
]

LOCMEM = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "prohibitions"}


@pytest.fixture(autouse=True)
def urls(way):
    with override_settings(
        ROOT_URLCONF=__name__,
        MIDDLEWARE=[f"{__name__}.forbid_later"],
        CACHES={"default": LOCMEM, "sessions": LOCMEM},
        ALLOWED_HOSTS=["*"],
    ):
        caches["default"].clear()
        made.clear()
        said.clear()
        yield
        caches["default"].clear()


@cache
def application():
    return ASGIHandler()


async def is_kept(place: str, kind: str) -> bool:
    """Whether the second reader gets what was made for the first."""
    made.clear()
    caches["default"].clear()
    if place == "view":
        view = cache_page(60, cache="default")(VIEWS[kind])
        for _ in range(2):
            await answer(view, kind)
        return len(made) == 1
    site = Site(application(), CDN if place == "edge with a CDN" else SHARED_CACHE)
    at = "view" if place == "edge behind the view" else "edge"
    for _ in range(2):
        response = await site.ask(f"/{at}/{kind}/")
        assert response.status == 200
        if place == "edge with a CDN" and said:
            assert "max-age" not in (response["cdn-cache-control"] or ""), "a CDN is told of no lifetime"
    return len(made) == 1


async def answer(view, kind):
    request = RequestFactory().get("/")
    return await view(request) if "async" in kind else await sync_to_async(view)(request)


def django_keeps(kind: str) -> bool:
    made.clear()
    caches["default"].clear()
    view = djangos_cache_page(60)(VIEWS["template" if kind == "template" else "sync"])
    for _ in range(2):
        response = view(RequestFactory().get("/"))
        if kind == "template":
            response.render()
    return len(made) == 1


@pytest.mark.asgi
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_prohibition_is_obeyed_whatever_its_case_and_field(place, kind):
    """All of them for one kind of view, which needs no threads, and each seventh for the others."""
    assert await find_kept(place, kind, TABLE if kind == "async" else TABLE[::7]) == []


@pytest.mark.slow
@pytest.mark.asgi
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "async"])
async def test_a_prohibition_is_obeyed_by_each_kind_of_view(place, kind):
    assert await find_kept(place, kind, TABLE) == []


TABLE = list(itertools.product(PROHIBITIONS, CASES, FIELDS))


async def find_kept(place: str, kind: str, table: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """The prohibitions under which a page is kept all the same."""
    kept = []
    for directive, case, field in table:
        said.clear()
        said.update(dict.fromkeys(FIELDS[field], CASES[case](directive)))
        if await is_kept(place, kind):
            kept.append((directive, case, field))
    return kept


@pytest.mark.asgi
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KINDS)
async def test_what_forbids_nothing_is_kept(place, kind):
    said.clear()
    assert await is_kept(place, kind)
    refused = []
    for directive, case in itertools.product(PERMISSIONS, CASES):
        said.clear()
        said["Cache-Control"] = CASES[case](directive)
        if place != "edge with a CDN" and not await is_kept(place, kind):
            refused.append((directive, case))
    assert refused == []


@pytest.mark.asgi
@pytest.mark.parametrize("place", PLACES)
async def test_never_kept_where_django_keeps_apart(place):
    """With a permission of the view's own beside it, too."""
    leaked = []
    for directive, case, beside in itertools.product([*PROHIBITIONS, *PERMISSIONS], CASES, ["", "max-age=60"]):
        said.clear()
        said["Cache-Control"] = CASES[case](directive)
        if beside:
            said["Evergreen-Cache-Control"] = beside
        if place != "edge with a CDN" and await is_kept(place, "async") and not django_keeps("sync"):
            leaked.append((directive, case, beside))
    assert leaked == []


@pytest.mark.parametrize("order", ["outside", "inside"])
@pytest.mark.parametrize("what", ["private", "never", "no-cache", "no-store"])
async def test_decorators_in_either_order(order, what):
    if (order, what) in {("inside", "no-cache"), ("inside", "no-store")}:
        pytest.skip("the table above has them")
    site = Site(ASGIHandler())
    answers = [await site.ask(f"/{order}/{what}/") for _ in range(2)]
    assert [each.body for each in answers] == [b"1", b"2"]


@pytest.mark.parametrize("say", ["no-cache", "Private", "extension=%22no-store%22"])
async def test_middleware_may_forbid_what_a_decorator_allowed(say):
    """In doubt as well: Django's cache_page looks for the words, wherever they stand."""
    site = Site(ASGIHandler())
    assert [(await site.ask(f"/later/?say={say}")).body for _ in range(2)] == [b"1", b"2"]


async def test_a_page_whose_cookie_is_set_by_middleware_is_its_readers_alone():
    site = Site(ASGIHandler())
    assert [(await site.ask("/cookie/")).body for _ in range(2)] == [b"1", b"2"]


async def test_a_stream_that_reads_a_cookie_while_it_is_sent_is_its_readers_alone():
    site = Site(ASGIHandler())
    first = await site.ask("/stream/", {"cookie": "name=one"})
    second = await site.ask("/stream/", {"cookie": "name=two"})
    assert (first.body, second.body) == (b"1 for one", b"2 for two")


@pytest.mark.parametrize(
    ("headers", "lasts"),
    [
        ({"Cache-Control": "max-age=5"}, 5),
        ({"Cache-Control": "s-maxage=5, max-age=600"}, 5),
        ({"Cache-Control": "max-age=600"}, 60),
        ({"CDN-Cache-Control": "max-age=5"}, 5),
        ({"Surrogate-Control": "max-age=5"}, 5),
        ({"Cache-Control": "max-age=600", "CDN-Cache-Control": "MAX-AGE=5"}, 5),
        ({"Expires": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0),
        ({"Cache-Control": "max-age=0"}, 0),
        ({"Cache-Control": "max-age=nonsense"}, 0),
        ({}, 60),
    ],
)
async def test_the_stricter_lifetime_holds(headers, lasts):
    said.update(headers)
    site = Site(ASGIHandler())
    await site.ask("/edge/sync/")
    if lasts:
        site.forward(lasts - 1)
        assert (await site.ask("/edge/sync/")).body == b"1"
        site.forward(1)
    assert (await site.ask("/edge/sync/")).body == b"2"


@pytest.mark.parametrize("place", PLACES)
async def test_a_cookie_that_is_set_is_its_readers_alone(place):
    said["Set-Cookie"] = "name=value"
    assert not await is_kept(place, "sync")


@pytest.mark.parametrize("place", PLACES)
async def test_vary_on_everything_is_obeyed(place):
    said["Vary"] = "*"
    assert not await is_kept(place, "sync")


async def test_browsers_have_to_ask_for_what_the_edge_alone_may_store():
    site = Site(ASGIHandler())
    response = await site.ask("/edge/sync/")
    assert response["cache-control"] == "no-cache"
    assert response["evergreen-cache-control"] is None
    assert (await site.ask("/edge/sync/"))["cache-control"] == "no-cache"


async def test_a_page_kept_at_the_view_is_as_old_at_the_edge():
    view = cache_page(60, cache="default")(respond)
    await answer(view, "sync")
    assert int((await answer(view, "sync"))["Age"]) >= 0
