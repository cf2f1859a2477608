"""Errors in the site's dress."""

from django.core.exceptions import DisallowedHost, RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from content import resources
from content.views.page import page


async def not_found_page(request: HttpRequest) -> HttpResponse:
    return await page(request, "404.html", site=await resources.site.get(), status=404)


async def gone_page(request: HttpRequest) -> HttpResponse:
    return await page(request, "410.html", site=await resources.site.get(), status=410)


# What Django calls when no view of ours has answered: synchronous, and without a look at cache or database,
# one of which may be what failed.


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400 for a form that was tampered with, 413 for an upload past the bound; an unknown host has its own page."""
    if isinstance(exception, DisallowedHost):
        return unknown_host(request)
    return plain_error(request, 413 if isinstance(exception, RequestDataTooBig) else 400)


def unknown_host(request: HttpRequest) -> HttpResponse:
    return plain_error(request, 400, template="400_host.html")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return plain_error(request, 403)


def form_refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Of a form without its token, or with another's (CSRF_FAILURE_VIEW)."""
    return plain_error(request, 403, template="403_csrf.html")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return plain_error(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    return plain_error(request, 500)


def plain_error(request: HttpRequest, status: int, template: str | None = None) -> HttpResponse:
    try:
        response = render(request, template or f"{status}.html", status=status)
    except Exception:
        # Static files that were never collected, say: an error page must not end in another error.
        response = HttpResponse(f"{status}\n", content_type="text/plain; charset=utf-8", status=status)
    response["Cache-Control"] = "no-store"
    return response
