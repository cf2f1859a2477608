"""Pages kept at the view, behind middleware: languages, time zones, and a Vary that comes after the view."""

import itertools
from contextlib import contextmanager
from contextvars import ContextVar
from zoneinfo import ZoneInfo

import pytest
from asgiref.sync import iscoroutinefunction
from django.conf.urls.i18n import i18n_patterns
from django.core.cache import caches
from django.http import HttpResponse
from django.template import Context, Template
from django.test import AsyncClient, Client, RequestFactory, override_settings
from django.urls import path
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.decorators import sync_and_async_middleware
from django.utils.translation import get_language, gettext
from django.views.decorators.cache import cache_page as djangos

from content.caching.edge import cache_page
from tests.support.caches import LOCMEM

pytestmark = pytest.mark.asgi

HERE = __name__
made: list[str] = []
# Middleware sets it for the view outside of the request, so that reads of it go unnoticed.
theme: ContextVar[str | None] = ContextVar("theme", default=None)


def words(request) -> str:
    made.append(request.path)
    return f"{get_language()} {gettext('Yes')} {timezone.get_current_timezone_name()} {theme.get()!r}"


def plain(request):
    return HttpResponse(words(request))


async def async_view(request):
    return HttpResponse(words(request))


urlpatterns = [
    path("plain/", plain),
    path("sync/", cache_page(60, cache="default")(plain)),
    path("async/", cache_page(60, cache="default")(async_view)),
    path("named/", cache_page(60, cache="default", vary=["X-Theme"])(plain)),
    path("djangos/", djangos(60)(plain)),
    *i18n_patterns(path("prefixed/", cache_page(60, cache="default")(plain))),
]


def middleware(before, after=lambda request, response: None):
    """Sync or async, as the handler asks."""

    @sync_and_async_middleware
    def factory(get_response):
        async def respond_async(request):
            with before(request):
                response = await get_response(request)
                after(request, response)
                return response

        def respond(request):
            with before(request):
                response = get_response(request)
                after(request, response)
                return response

        return respond_async if iscoroutinefunction(get_response) else respond

    return factory


@contextmanager
def theme_of(request):
    token = theme.set(request.headers.get("X-Theme"))
    yield
    theme.reset(token)


themed = middleware(theme_of, lambda request, response: patch_vary_headers(response, ["X-Theme"]))
everything = middleware(theme_of, lambda request, response: patch_vary_headers(response, ["*"]))
once = middleware(
    theme_of, lambda request, response: patch_vary_headers(response, ["X-Theme"]) if theme.get() else None
)
spoken = middleware(lambda request: translation.override(request.headers.get("X-Language") or None))
zoned = middleware(lambda request: timezone.override(ZoneInfo(request.headers.get("X-Zone", "UTC"))))


@contextmanager
def language_alone(request):
    """LANGUAGE_CODE names another language than the active one."""
    request.LANGUAGE_CODE = request.headers.get("X-Theme")
    with theme_of(request):
        yield


named = middleware(language_alone)


@pytest.fixture(autouse=True)
def site():
    made.clear()
    options = {
        "CACHES": {"default": LOCMEM},
        "ROOT_URLCONF": HERE,
        "LANGUAGES": [("en", "E"), ("de", "D"), ("fr", "F")],
    }
    with override_settings(**options, MIDDLEWARE=[], USE_I18N=True, USE_TZ=True, LANGUAGE_CODE="en"):
        caches["default"].clear()
        yield
        caches["default"].clear()


def read(where: str, **headers: str) -> str:
    return (
        Client()
        .get(where, headers={name.replace("_", "-"): value for name, value in headers.items()})
        .content.decode()
    )


async def read_async(where: str, **headers: str) -> str:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return (await AsyncClient().get(where, headers=named)).content.decode()


PLACES = ["/sync/", "/async/"]


@pytest.mark.parametrize("where", PLACES)
def test_a_vary_that_middleware_adds_after_the_view_is_in_the_key(settings, where):
    settings.MIDDLEWARE = [f"{HERE}.themed"]
    for wanted in ("dark", "light", "dark", "light"):
        assert read(where, x_theme=wanted).endswith(f"{wanted!r}")
    assert read(where).endswith("None")
    assert len(made) == 3


@pytest.mark.parametrize("where", PLACES)
async def test_a_vary_that_comes_after_the_view_is_in_the_key_of_async_readers(settings, where):
    settings.MIDDLEWARE = [f"{HERE}.themed"]
    for wanted in ("dark", "light", "dark", "light"):
        assert (await read_async(where, x_theme=wanted)).endswith(f"{wanted!r}")
    assert len(made) == 2


def test_the_response_says_what_it_varies_on_from_the_cache_too(settings):
    settings.MIDDLEWARE = [f"{HERE}.themed"]
    for _ in range(2):
        assert Client().get("/sync/", headers={"X-Theme": "dark"})["Vary"] == "X-Theme"


def test_what_varies_on_everything_is_not_kept(settings):
    settings.MIDDLEWARE = [f"{HERE}.everything"]
    for wanted in ("dark", "light", "dark"):
        assert read("/sync/", x_theme=wanted).endswith(f"{wanted!r}")
    assert len(made) == 3


def test_a_page_that_varied_once_has_variants_from_then_on(settings):
    settings.MIDDLEWARE = [f"{HERE}.once"]
    for wanted in ("dark", "", "light", "", "dark"):
        assert read("/sync/", x_theme=wanted).endswith(f"{wanted!r}")
    assert len(made) == 3


def test_names_of_the_decorator_are_no_further_names(settings):
    settings.MIDDLEWARE = [f"{HERE}.themed"]
    for wanted in ("dark", "light", "dark"):
        assert read("/named/", x_theme=wanted).endswith(f"{wanted!r}")
    assert len(made) == 2


@pytest.mark.parametrize("where", [*PLACES, "/named/"])
def test_an_empty_and_an_absent_field_are_two_variants_at_the_view(settings, where):
    settings.MIDDLEWARE = [f"{HERE}.themed"]
    for _ in range(2):
        assert read(where, x_theme="").endswith("''")
        assert read(where).endswith("None")
    assert len(made) == 2


LANGUAGES = ["de", "fr", "en", "de;q=0.9, fr;q=0.8", "es", "", "de"]
DAY = "django.middleware.locale.LocaleMiddleware"


@pytest.mark.parametrize("where", [*PLACES, "/named/", "/djangos/"])
def test_languages_of_the_locale_middleware_are_kept_apart(settings, where):
    settings.MIDDLEWARE = [DAY]
    for language in LANGUAGES:
        expected = read("/plain/", accept_language=language)
        assert read(where, accept_language=language) == expected
    assert made.count(where) == 3, "one page a language, not one for each way to ask for it"


def test_the_language_of_a_cookie_is_kept_apart(settings):
    settings.MIDDLEWARE = [DAY]
    for language in ("de", "fr", "en", "de"):
        client = Client()
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
        assert client.get("/sync/").content == client.get("/plain/").content
    assert made.count("/sync/") == 3


def test_languages_in_the_address_are_kept_apart(settings):
    settings.MIDDLEWARE = [DAY]
    for language in ("de", "fr", "en", "de"):
        assert read(f"/{language}/prefixed/").startswith(language)
    assert len(made) == 3


READERS = [
    {"x_language": language, "x_zone": zone}
    for language, zone in itertools.product(("de", "fr", "", "en"), ("UTC", "Asia/Tokyo", "Europe/Berlin"))
]


@pytest.mark.parametrize("where", [*PLACES, "/djangos/"])
def test_languages_and_zones_of_middleware_are_kept_apart(settings, where):
    settings.MIDDLEWARE = [f"{HERE}.spoken", f"{HERE}.zoned"]
    for reader in READERS * 2:
        assert read(where, **reader) == read("/plain/", **reader)
    assert made.count(where) == len(READERS)


@pytest.mark.parametrize("where", [*PLACES, "/djangos/"])
def test_a_language_that_the_request_alone_names_is_kept_apart(settings, where):
    settings.MIDDLEWARE = [f"{HERE}.named"]
    for name in ("de", "fr", "de", "fr"):
        assert read(where, x_theme=name).endswith(f"{name!r}")
    assert made.count(where) == 2


def test_no_language_is_not_the_sites_own(settings):
    """Texts are then as they stand in the code."""
    settings.LANGUAGE_CODE = "de"
    view = cache_page(60, cache="default")(plain)
    for language in ("de", None, "de", None):
        with translation.override(language):
            assert view(RequestFactory().get("/")).content.decode().startswith(f"{language} ")
    assert len(made) == 2


def test_another_language_of_the_site_finds_no_page_of_the_old_one(settings):
    view = cache_page(60, cache="default")(plain)
    for language in ("en", "de"):
        settings.LANGUAGE_CODE = language
        translation.activate(language)
        assert view(RequestFactory().get("/")).content.decode().startswith(language)
    translation.activate("en")


def test_where_django_uses_no_languages_there_is_one_page(settings):
    settings.USE_I18N = False
    settings.MIDDLEWARE = []
    for language in ("de", "fr"):
        read("/sync/", accept_language=language)
    assert len(made) == 1


# --- fragments ----------------------------------------------------------------------------------------


def fragment(**context) -> str:
    body = "{% translate 'Yes' %} {{ theme }}"
    source = "{% load fragments i18n %}{% fragment 'said' theme ttl=60 %}" + body + "{% endfragment %}"
    return Template(source).render(Context({"theme": None} | context))


def test_an_empty_and_an_absent_value_are_two_fragments():
    assert [fragment(theme=wanted) for wanted in ("", None, "", None)] == ["Yes ", "Yes None"] * 2


def test_fragments_of_no_language_are_not_those_of_the_sites_own(settings):
    settings.LANGUAGE_CODE = "de"
    texts = []
    for language in ("de", None, "fr", "de", None):
        with translation.override(language):
            texts.append(fragment())
    assert texts == ["Ja None", "Yes None", "Oui None", "Ja None", "Yes None"]
