"""Views that read the parts of a request that their path names, and cache their responses."""

from collections.abc import AsyncIterator, Callable
from typing import Any

from django.contrib.messages import get_messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template import engines
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext

from content.caching import fragments
from content.caching.edge import cache_page

READS: dict[str, Callable[[Any], Any]] = {
    "cookie": lambda request: request.COOKIES.get("colour"),
    "has_cookie": lambda request: "colour" in request.COOKIES,
    "cookies": lambda request: sorted(request.COOKIES.items()),
    "header": lambda request: request.headers.get("X-Word"),
    "meta": lambda request: request.META.get("HTTP_X_WORD"),
    "all_meta": lambda request: [value for name, value in request.META.items() if name == "HTTP_X_WORD"],
    "scope": lambda request: [value for name, value in request.scope["headers"] if name == b"x-word"],
    "authorization": lambda request: request.headers.get("Authorization"),
    "session": lambda request: request.session.get("word"),
    "user": lambda request: str(request.user),
    "messages": lambda request: [str(message) for message in get_messages(request)],
    "language": lambda request: gettext("Yes"),
    "accepted": lambda request: request.headers.get("Accept-Language"),
    "address": lambda request: request.META["REMOTE_ADDR"],
    "attribute": lambda request: request.theme,
    "private attribute": lambda request: request._theme,
    "session key": lambda request: request.session.session_key,
    "cookies as text": lambda request: repr(request.COOKIES),
    "content type": lambda request: request.content_type,
    "accepted types": lambda request: [str(kind) for kind in request.accepted_types],
    "nothing": lambda request: "the same for all",
}
IN_TEMPLATES = {
    "cookie": "{{ request.COOKIES.colour }}",
    "cookies": "{% for name, value in request.COOKIES.items %}{{ name }}{{ value }}{% endfor %}",
    "meta": "{{ request.META.HTTP_X_WORD }}",
    "session": "{{ request.session.word }}",
    "user": "{{ user }}",
    "request_user": "{{ request.user }}",
    "messages": "{% for message in messages %}{{ message }}{% endfor %}",
    "language": '{% load i18n %}{% translate "Yes" %}',
    "address": "{{ request.META.REMOTE_ADDR }}",
    "attribute": "{{ request.theme }}",
    "processor": "{{ word_of_processor }}",
    "nested": '{% fragment "inner" user.pk ttl=60 %}{{ user }}{% endfragment %}',
    "nested_shared": '{% fragment "inner_shared" ttl=60 %}{{ request.COOKIES.colour }}{% endfragment %}',
    "session_key": "{{ request.session.session_key }}",
    "memo": "{{ memo_of_processor }}",
    "lazy": "{{ lazy_of_processor }}",
    "part": '{% fragment "part" user.is_anonymous ttl=60 %}{{ user }}{% endfragment %}',
    "filtered": (
        '{% fragment "filtered" request.COOKIES.colour|length ttl=60 %}{{ request.COOKIES.colour }}{% endfragment %}'
    ),
    "nothing": "the same for all",
}


def words_of(request: HttpRequest, names: str) -> str:
    return "; ".join(f"{name}={READS[name](request)}" for name in names.split("+"))


async def async_view(request: HttpRequest, names: str) -> HttpResponseBase:
    return HttpResponse(words_of(request, names))


def sync_view(request: HttpRequest, names: str) -> HttpResponseBase:
    return HttpResponse(words_of(request, names))


def late_view(request: HttpRequest, names: str) -> HttpResponseBase:
    """It reads the request when it is rendered."""
    template = engines["django"].from_string("{{ words }}")
    return TemplateResponse(request, template, {"words": lambda: words_of(request, names)})


def stream_view(request: HttpRequest, names: str) -> HttpResponseBase:
    async def chunks() -> AsyncIterator[str]:
        for name in names.split("+"):
            yield f"{name}={READS[name](request)}; "

    return StreamingHttpResponse(chunks())


async def fragments_view(request: HttpRequest, names: str, first: str) -> HttpResponse:
    """A page with one fragment; what stands before it may have looked up the same reader."""
    before, inside = (
        "".join(f"{name}={IN_TEMPLATES[name]}; " for name in each.split("+")) for each in (first, names)
    )
    name = names.replace("+", ".")
    source = f'{{% load fragments %}}{before}|{{% fragment "{name}" ttl=60 %}}{inside}{{% endfragment %}}'
    template = engines["django"].from_string(source)

    async def render() -> str:
        return template.render({}, request)

    return HttpResponse(await fragments.rendering.render_with_fragments(render))


def words_of_processors(request: Any) -> dict[str, Any]:
    """A value that is worked out once a request, and one that is worked out when it is looked at."""
    if not hasattr(request, "_memo"):
        request._memo = request.COOKIES.get("colour")
    return {"memo_of_processor": request._memo, "lazy_of_processor": SimpleLazyObject(lambda: lazy_word(request))}


def lazy_word(request: HttpRequest) -> str:
    return str(request.COOKIES.get("colour"))


def word_of_processor(request: HttpRequest) -> dict[str, Any]:
    return {"word_of_processor": request.COOKIES.get("colour"), "site_name": "the same for all"}


VIEWS: dict[str, Callable[..., Any]] = {
    "async": async_view,
    "sync": sync_view,
    "late": late_view,
    "stream": stream_view,
}

urlpatterns = [
    *(path(f"plain/{kind}/<names>/", view) for kind, view in VIEWS.items()),
    *(path(f"edge/{kind}/<names>/", cache_page(60, stale=60)(view)) for kind, view in VIEWS.items()),
    *(path(f"view/{kind}/<names>/", cache_page(60, cache="default")(view)) for kind, view in VIEWS.items()),
    path("fragments/<names>/<first>/", fragments_view),
]


class Theme:
    """Middleware that looks at a reader before the view does, and leaves what it found."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        request.theme = request._theme = request.COOKIES.get("colour")
        return self.get_response(request)
