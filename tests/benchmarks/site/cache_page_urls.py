"""The site's URLs, each view kept for five minutes by Django's cache_page: nothing ends a page before that."""

from collections.abc import Awaitable, Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver
from django.views.decorators.cache import cache_page

from content import urls
from project.urls import handler400, handler403, handler404, handler500  # noqa: F401

View = Callable[..., Awaitable[HttpResponse]]
SECONDS = 300


def cache_view(view: View) -> View:
    """As by cache_page alone, and it says whether that was a hit (RFC 9211), for who counts."""

    async def call_view(request: HttpRequest, **arguments: str) -> HttpResponse:
        request.was_made = True  # type: ignore[attr-defined]
        response = await view(request, **arguments)
        # It is for browsers and the edge: with it, cache_page keeps nothing.
        del response["Cache-Control"]
        return response

    cached = cache_page(SECONDS, cache="pages")(call_view)

    async def add_status(request: HttpRequest, **arguments: str) -> HttpResponse:
        response = await cached(request, **arguments)
        response["cache-status"] = "Django; fwd=miss" if hasattr(request, "was_made") else "Django; hit"
        return response

    return add_status


def with_cached_view(found: URLPattern | URLResolver) -> URLPattern | URLResolver:
    """Included URLs, of the API and the admin, are not pages."""
    if isinstance(found, URLResolver):
        return found
    return URLPattern(found.pattern, cache_view(found.callback), found.default_args, found.name)


patterns: list[Any] = urls.urlpatterns
urlpatterns = [with_cached_view(found) for found in patterns]
