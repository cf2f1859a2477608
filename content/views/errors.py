"""Error pages: with the site's layout, or plain ones that need neither cache nor database."""

from django.core.exceptions import DisallowedHost, RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from content import resources
from content.cache_headers import NO_STORE
from content.views.page_chrome import render_page


async def not_found_page(request: HttpRequest) -> HttpResponse:
    return await render_page(request, "404.html", site=await resources.site.get(), status=404)


async def gone_page(request: HttpRequest) -> HttpResponse:
    return await render_page(request, "410.html", site=await resources.site.get(), status=410)


# Django calls these if no view has answered. They use neither cache nor database, because one of them may have
# failed.


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400 for a manipulated form, 413 for an upload past the bound; an unknown host has its own page."""
    if isinstance(exception, DisallowedHost):
        return unknown_host(request)
    return plain_error(request, 413 if isinstance(exception, RequestDataTooBig) else 400)


def unknown_host(request: HttpRequest) -> HttpResponse:
    return plain_error(request, 400, template="400_host.html")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return plain_error(request, 403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without a valid CSRF token (CSRF_FAILURE_VIEW)."""
    return plain_error(request, 403, template="403_csrf.html")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return plain_error(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    return plain_error(request, 500)


def plain_error(request: HttpRequest, status: int, template: str | None = None) -> HttpResponse:
    try:
        response = render(request, template or f"{status}.html", status=status)
    except Exception:
        # The static files may not have been collected: an error page must not raise another error.
        response = HttpResponse(f"{status}\n", content_type="text/plain; charset=utf-8", status=status)
    response["Cache-Control"] = NO_STORE
    return response
