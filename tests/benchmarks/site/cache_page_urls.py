"""The site's URLs, each view kept for five minutes by Django's cache_page: nothing ends a page before that."""

from collections.abc import Awaitable, Callable

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver
from django.views.decorators.cache import cache_page

from content import urls
from project.urls import handler400, handler403, handler404, handler500  # noqa: F401

View = Callable[..., Awaitable[HttpResponse]]
SECONDS = 300


def kept(view: View) -> View:
    """As by cache_page alone, and it says whether that was a hit (RFC 9211), for who counts."""

    async def made(request: HttpRequest, **arguments: str) -> HttpResponse:
        request.was_made = True
        response = await view(request, **arguments)
        # It is for browsers and the edge: with it, cache_page keeps nothing.
        del response["Cache-Control"]
        return response

    cached = cache_page(SECONDS, cache="pages")(made)

    async def told(request: HttpRequest, **arguments: str) -> HttpResponse:
        response = await cached(request, **arguments)
        response["cache-status"] = "Django; fwd=miss" if hasattr(request, "was_made") else "Django; hit"
        return response

    return told


def as_kept(found: URLPattern | URLResolver) -> URLPattern | URLResolver:
    """What is included, the API and the admin, is nobody's page."""
    if isinstance(found, URLResolver):
        return found
    return URLPattern(found.pattern, kept(found.callback), found.default_args, found.name)


urlpatterns = [as_kept(found) for found in urls.urlpatterns]
