"""`cache_page`: what views of each kind say to the edge, and pages kept at the view."""

import copy
import pickle
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.sessions.backends.cache import SessionStore as CachedSession
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.core.cache import caches
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.test import RequestFactory, override_settings
from django.urls import path
from django.utils import timezone, translation
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.views import View

from content.caching import Policy, Resource, invalidate
from content.caching.edge import cache_page

ask = RequestFactory().get
counted: list[str] = []
LOCMEM = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "views"}
answers: list = []


async def load() -> int:
    return 1


@cache_page(60, stale=30, error=3600, tags=["news"], vary=["Accept-Language"])
async def async_view(request):
    return HttpResponse("a")


@cache_page(60)
def sync_view(request):
    return HttpResponse("s")


@method_decorator(cache_page(60), name="dispatch")
class SyncClass(View):
    def get(self, request):
        return HttpResponse("c")


@method_decorator(cache_page(60), name="dispatch")
class AsyncClass(View):
    async def get(self, request):
        return HttpResponse("d")


async def test_it_speaks_to_the_edge_alone():
    response = await async_view(ask("/"))
    assert (
        response["Evergreen-Cache-Control"] == "max-age=60, stale-while-revalidate=30, stale-if-error=3600, at-most"
    )
    assert (response["Cache-Tag"], response["Vary"]) == ("news", "Accept-Language")
    assert "Cache-Control" not in response, "browsers are told by the edge"


async def test_every_kind_of_view():
    assert sync_view(ask("/"))["Evergreen-Cache-Control"] == "max-age=60, at-most"
    assert SyncClass.as_view()(ask("/"))["Evergreen-Cache-Control"] == "max-age=60, at-most"
    assert (await AsyncClass.as_view()(ask("/")))["Evergreen-Cache-Control"] == "max-age=60, at-most"
    assert cache_page(5)(SyncClass.as_view())(ask("/"))["Evergreen-Cache-Control"] == "max-age=60, at-most", (
        "the view's own word"
    )
    in_urlconf = path("x/", cache_page(5)(lambda request: HttpResponse("u")))
    assert in_urlconf.callback(ask("/"))["Evergreen-Cache-Control"] == "max-age=5, at-most"


async def test_of_an_error_it_says_nothing():
    response = cache_page(60)(lambda request: HttpResponse(status=500))(ask("/"))
    assert "Evergreen-Cache-Control" not in response


@pytest.mark.parametrize("option", ["ttl", "stale", "error"])
@pytest.mark.parametrize("given", [-1, float("nan"), "", "5", "soon", timedelta(-1), 0.5, "500ms", float("inf")])
def test_a_time_that_is_none_is_refused_at_its_declaration(option, given):
    with pytest.raises(ValueError, match=f"cache_page: {option} is .*Give "):
        cache_page(**{"ttl": 60, option: given})


@pytest.mark.parametrize("option", ["ttl", "stale", "error"])
@pytest.mark.parametrize("given", [True, None, [], b"5m"])
def test_what_is_no_time_at_all_is_refused_at_its_declaration(option, given):
    with pytest.raises(TypeError, match=f"cache_page: {option} is .*Give "):
        cache_page(**{"ttl": 60, option: given})


async def test_times_are_timedeltas_seconds_or_text():
    @cache_page("5m", stale="1h30m", error=timedelta(days=1))
    async def view(request):
        return HttpResponse("a")

    control = (await view(ask("/")))["Evergreen-Cache-Control"]
    assert control == "max-age=300, stale-while-revalidate=5400, stale-if-error=86400, at-most"


@pytest.mark.parametrize("option", ["tags", "vary", "ignore_reads"])
def test_a_string_in_place_of_a_list_is_refused_at_its_declaration(option):
    with pytest.raises(TypeError, match=r"Give a list"):
        cache_page(60, **{option: "Accept-Language"})


@pytest.mark.parametrize(("tags", "error"), [([42], TypeError), ([""], ValueError), (["x" * 501], ValueError)])
def test_a_tag_that_is_none_is_refused_at_its_declaration(tags, error):
    with pytest.raises(error, match="tag"):
        cache_page(60, tags=tags)


def test_a_negative_time_is_refused_at_once():
    with pytest.raises(ValueError, match="cannot be negative"):
        cache_page(-1)


# --- kept at the view ---------------------------------------------------------------------------------------


@pytest.fixture(params=["async", "sync"])
def cached_view(request, alias):
    """A view of each kind, kept in a cache: its answer to a path and headers."""
    counted.clear()

    def respond(request):
        counted.append(request.get_full_path())
        response = HttpResponse(f"{len(counted)}")
        response["X-Name"] = "x"
        return answers[-1](response)

    if request.param == "sync":
        view = cache_page(60, cache="default", tags=["news"], vary=["Accept-Language"])(respond)

        async def call(path="/", answer=lambda response: response, **extra):
            answers.append(answer)
            return await sync_to_async(view)(ask(path, **extra))

        return call

    @cache_page(60, cache="default", tags=["news"], vary=["Accept-Language"])
    async def view(request):
        return respond(request)

    async def call(path="/", answer=lambda response: response, **extra):
        answers.append(answer)
        return await view(ask(path, **extra))

    return call


async def test_a_second_reader_gets_what_was_made_for_the_first(cached_view):
    first, second = await cached_view(), await cached_view()
    assert (first.content, second.content) == (b"1", b"1")
    assert second["X-Name"] == "x"
    assert second["Content-Type"] == first["Content-Type"]
    assert (await cached_view("/?page=2")).content == b"2"
    assert (await cached_view(HTTP_ACCEPT_LANGUAGE="de")).content == b"3"
    assert (await cached_view("/", HTTP_HOST="localhost")).content == b"4"


async def test_until_its_time_is_up_or_a_tag_was_invalidated(cached_view, alias, clock):
    await cached_view()
    clock.forward(61)
    assert (await cached_view()).content == b"2"
    await invalidate(["news"])
    assert (await cached_view()).content == b"3"


@pytest.mark.parametrize(
    "answer",
    [
        lambda response: response.set_cookie("a", "b") or response,
        lambda response: HttpResponse("x", status=500),
        lambda response: response.headers.__setitem__("Evergreen-Cache-Control", "no-store") or response,
        lambda response: response.headers.__setitem__("Vary", "Cookie") or response,
        lambda response: StreamingHttpResponse([b"x"]),
    ],
    ids=["set-cookie", "error", "no-store", "vary on more", "stream"],
)
async def test_what_may_be_somebodys_is_not_kept(cached_view, answer):
    for _ in range(2):
        await cached_view(answer=answer)
    assert len(counted) == 2


async def test_nor_what_has_looked_at_the_session(cached_view):
    class Session:
        accessed = True

    view = cache_page(60, cache="default")(lambda request: counted.append("x") or HttpResponse("x"))
    for _ in range(2):
        request = ask("/session/")
        request.session = Session()
        await sync_to_async(view)(request)
    assert len(counted) == 2


async def test_what_the_view_reads_becomes_its_tags(alias):
    number = Resource("number", load=load, policy=Policy(ttl=timedelta(minutes=1)), tags=lambda: ("number",))
    made = []

    @cache_page(60, cache="default")
    async def view(request):
        made.append(await number.get())
        return HttpResponse("x")

    await view(ask("/"))
    await view(ask("/"))
    await number.invalidate()
    await view(ask("/"))
    assert len(made) == 2


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_response_that_is_a_template_is_rendered_to_be_kept(alias, kind):
    """A TemplateView. Its tags are those of the resources that its rendering reads."""
    number = Resource("number", load=load, policy=Policy(ttl=timedelta(minutes=1)), tags=lambda: ("number",))
    template = engines["django"].from_string("{{ number }} of {{ request.path }}")

    def respond(request):
        counted.append("x")
        return TemplateResponse(request, template, {"number": async_to_sync(number.get)})

    async def respond_later(request):
        return respond(request)

    counted.clear()
    view = cache_page(60, cache="default")(respond_later if kind == "async" else respond)
    call = view if kind == "async" else sync_to_async(view)
    for _ in range(2):
        assert (await call(ask("/"))).content == b"1 of /"
    assert len(counted) == 1
    await number.invalidate()
    await call(ask("/"))
    assert len(counted) == 2


async def test_an_async_class_is_kept_by_its_dispatch_too(alias):
    @method_decorator(cache_page(60, cache="default"), name="dispatch")
    class CachedView(View):
        async def get(self, request):
            counted.append("x")
            return HttpResponse("x")

    counted.clear()
    for _ in range(2):
        assert (await CachedView.as_view()(ask("/"))).content == b"x"
    assert len(counted) == 1


# --- what a view reads --------------------------------------------------------------------------------------


def reading(read, **options):
    """Answers of a view that reads a part of its request, to two readers who differ in it."""
    counted.clear()

    @cache_page(60, cache="default", **options)
    def view(request):
        counted.append("x")
        return HttpResponse(str(read(request)))

    return view


def of(reader, **meta):
    request = ask("/", HTTP_COOKIE=f"colour={reader}; theme={reader}", HTTP_X_WORD=reader, REMOTE_ADDR=reader, **meta)
    request.theme = request._theme = reader
    request.META["repoze.who.identity"] = reader
    request.content_type = f"text/{reader}"
    return request


READS = {
    "a cookie": lambda request: request.COOKIES["colour"],
    "whether a cookie is there": lambda request: "colour" in request.COOKIES,
    "all cookies": lambda request: dict(request.COOKIES),
    "how many cookies": lambda request: len(request.COOKIES),
    "the field of cookies": lambda request: request.META["HTTP_COOKIE"],
    "a signed cookie": lambda request: request.get_signed_cookie("colour", None),
    "a header field": lambda request: request.headers["X-Word"],
    "a field of META": lambda request: request.META.get("HTTP_X_WORD"),
    "all of META": lambda request: {**request.META}["HTTP_X_WORD"],
    "META unpacked": lambda request: dict(request.META)["HTTP_X_WORD"],
    "a copy of META": lambda request: request.META.copy()["HTTP_X_WORD"],
    "environ": lambda request: request.environ["HTTP_X_WORD"],
    "all header fields": lambda request: list(request.headers.items()),
    "the address": lambda request: request.META["REMOTE_ADDR"],
    "what middleware left": lambda request: request.theme,
    "what it accepts": lambda request: request.accepts("text/plain"),
    "cookies as text": lambda request: str(request.COOKIES),
    "META as text": lambda request: repr(request.META),
    "header fields as text": lambda request: repr(request.headers),
    "how many fields": lambda request: len(request.headers),
    "whether cookies are equal": lambda request: request.COOKIES != {"colour": "one"},
    "any cookie": lambda request: request.COOKIES.popitem(),
    "cookies in reverse": lambda request: list(reversed(request.COOKIES)),
    "cookies and more": lambda request: request.COOKIES | {"more": "1"},
    "what middleware left for itself": lambda request: request._theme,
    "what a server knows": lambda request: request.META["repoze.who.identity"],
    "the type of its content": lambda request: request.content_type,
}


@pytest.mark.asgi
@pytest.mark.parametrize("name", READS)
def test_a_page_made_of_what_no_key_names_is_not_kept(local, name):
    view = reading(READS[name])
    for reader in ("one", "two"):
        view(of(reader))
    assert len(counted) == 2


@pytest.mark.asgi
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a cookie", {"vary": ["Cookie"]}),
        ("a cookie", {"ignore_reads": ["cookie:colour"]}),
        ("a cookie", {"ignore_reads": ["Cookie"]}),
        ("a header field", {"vary": ["X-Word"]}),
        ("a header field", {"ignore_reads": ["X-Word"]}),
        ("the address", {"ignore_reads": ["REMOTE_ADDR"]}),
        ("what middleware left", {"ignore_reads": ["request.theme"]}),
    ],
)
def test_a_read_that_is_named_or_does_not_matter_is_no_hindrance(local, name, options):
    view = reading(READS[name], **options)
    for reader in ("one", "one"):
        view(of(reader))
    assert len(counted) == 1
    if "vary" in options:
        assert "two" in view(of("two")).content.decode()


@pytest.mark.asgi
def test_what_the_key_names_may_be_read(local):
    def read(request):
        conditions = request.headers.get("If-None-Match"), request.META.get("HTTP_RANGE")
        return request.path, request.GET, request.get_full_path(), request.build_absolute_uri(), conditions

    view = reading(read)
    for _ in range(2):
        view(of("one"))
    assert len(counted) == 1


@pytest.mark.asgi
def test_why_pages_are_not_cached_is_said_once(local, caplog):
    view = reading(READS["a cookie"])
    for reader in ("one", "two", "three"):
        view(of(reader))
    [message] = [record.getMessage() for record in caplog.records if "not cached" in record.getMessage()]
    assert "cookie:colour" in message
    assert "ignore_reads" in message


@pytest.mark.asgi
def test_languages_and_time_zones_are_kept_apart_at_the_view(local):
    view = reading(lambda request: (gettext("Yes"), timezone.get_current_timezone_name()))
    seen = set()
    for language in ("en", "de"):
        for zone in ("UTC", "Asia/Tokyo"):
            with translation.override(language), timezone.override(zone):
                for _ in range(2):
                    seen.add(view(of("one")).content)
    assert len(seen) == len(counted) == 4


@pytest.mark.asgi
def test_nested_decorators_take_no_read_of_each_other_for_the_views(local):
    view = cache_page(60)(reading(lambda request: "x"))
    response = view(of("one"))
    assert response["Evergreen-Cache-Control"] == "max-age=60, at-most"


@pytest.fixture
def local():
    with override_settings(CACHES={"default": LOCMEM, "sessions": LOCMEM}):
        caches["default"].clear()
        yield
        caches["default"].clear()


@pytest.mark.asgi
def test_the_key_of_a_session_is_read_of_it(local):
    """Django does not count it as an access."""
    view = reading(lambda request: request.session.session_key)
    for key in ("a" * 32, "b" * 32):
        request = of("one")
        request.session = SessionStore(key)
        view(request)
    assert len(counted) == 2


@pytest.mark.asgi
def test_a_session_and_a_request_that_record_are_stored_and_pickled_as_before(local):
    view = reading(lambda request: request.session.get("word"))
    request = of("one")
    request.session = CachedSession()
    request.session["word"] = "x"
    view(request)
    request.session["more"] = "y"
    request.session.save()
    assert dict(CachedSession(request.session.session_key).items()) == {"word": "x", "more": "y"}
    for copied in (pickle.loads(pickle.dumps(request.META.copy())), copy.deepcopy(request.COOKIES)):
        assert type(copied) is dict
    assert type(copy.copy(request)) is WSGIRequest
    assert type(pickle.loads(pickle.dumps(request.COOKIES))) is dict


@pytest.mark.asgi
def test_what_a_decorator_outside_has_read_is_not_the_inner_views(local):
    """It leaves what it read on the request, while the outer one watches."""
    inner = reading(lambda request: request.leaves)

    def between(request):
        request.leaves = request.COOKIES["colour"]
        return inner(request)

    for reader in ("one", "two"):
        cache_page(60)(between)(of(reader))
    assert len(counted) == 2


@pytest.mark.asgi
def test_one_address_may_have_several_views(local):
    staff = cache_page(60, cache="default")(lambda request: HttpResponse("for staff"))

    @cache_page(60, cache="default")
    def public(request, name="all"):
        return HttpResponse(f"for {name}")

    assert [staff(of("one")).content, public(of("one")).content] == [b"for staff", b"for all"]
    assert public(of("one"), name="ann").content == b"for ann"
    assert public(of("one"), name="ann").content == b"for ann"
    assert public(of("one")).content == b"for all"


@pytest.mark.asgi
def test_a_class_that_looks_at_its_reader_before_it_is_dispatched(local):
    class Early(View):
        def setup(self, request, *args, **kwargs):
            super().setup(request, *args, **kwargs)
            self.colour = request.COOKIES["colour"]

        @method_decorator(cache_page(60, cache="default"))
        def get(self, request):
            return HttpResponse(self.colour)

    assert [Early.as_view()(of(reader)).content for reader in ("one", "two")] == [b"one", b"two"]


class Wrapper:
    """As the request of Django REST framework."""

    def __init__(self, request, user):
        self._request, self._user = request, user

    def __getattr__(self, name):
        return getattr(self._request, name)


@pytest.mark.asgi
def test_a_wrapper_of_the_request_is_watched_through(local):
    view = reading(lambda request: request.COOKIES["colour"])
    for reader in ("one", "two"):
        view(Wrapper(of(reader), None))
    assert len(counted) == 2
    view = reading(lambda request: request._user)
    for reader in ("one", "two"):
        view(Wrapper(of(reader), reader))
    assert len(counted) == 2


@pytest.mark.asgi
@pytest.mark.parametrize("status", [200, 302, 404])
def test_a_response_of_any_status_that_shows_its_reader_is_private(status):
    @cache_page(60)
    def view(request):
        return HttpResponse(request.COOKIES["colour"], status=status, headers={"Cache-Control": "public, max-age=60"})

    response = view(of("one"))
    assert response["Cache-Control"] == "private"
    assert response["Evergreen-Cache-Control"] == "private"
