"""Responses for URLs that no other view knows: redirects, missing last slashes, and error pages.

Error pages have the site's layout, or are plain ones that need neither cache nor database.
"""

import functools
import sys
from typing import Any

from django.core.exceptions import DisallowedHost, RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.shortcuts import render
from django.utils.encoding import escape_uri_path
from django.utils.http import escape_leading_slashes

from content import resources
from content.cache_headers import EDGE_POLICY, NO_STORE, forbid_storing
from content.caching import NotThere
from content.caching.tracing import current_trace_id
from content.unavailable import is_database_down, retry_after
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
    """Django calls it while it handles the error. 503 if that passes: middleware could not store a session, say."""
    return unavailable(request, sys.exc_info()[1]) or plain_error(request, 500)


def unavailable(request: HttpRequest, error: BaseException | None) -> HttpResponse | None:
    """503 for an error that passes; None for others. A form that was sent can be sent again from the page."""
    seconds = retry_after(error)
    if seconds is None:
        return None
    # The template reads the form: if it cannot be parsed, the page is a plain line.
    fields = functools.partial(form_fields, request)
    response = plain_error(request, 503, is_database_down=is_database_down(error), fields=fields)
    response["Retry-After"] = str(seconds)
    return response


def form_fields(request: HttpRequest) -> list[tuple[str, str]]:
    """Names and values of the form. A form with a password has none: a page never shows it."""
    if any("password" in name for name in request.POST):
        return []
    return [(name, value) for name, values in request.POST.lists() for value in values]


def plain_error(request: HttpRequest, status: int, template: str | None = None, **context: Any) -> HttpResponse:
    try:
        if status >= 500:
            context["trace_id"] = current_trace_id()
        response = render(request, template or f"{status}.html", context, status=status)
    except Exception:
        # The static files may not have been collected: an error page must not raise another error.
        response = HttpResponse(f"{status}\n", content_type="text/plain; charset=utf-8", status=status)
    response["Cache-Control"] = NO_STORE
    return response


# Characters.
LONGEST_PATH = 500


async def redirect_or_404(request: HttpRequest) -> HttpResponse:
    return await find_redirect(request) or await not_found_page(request)


async def redirect_or_410(request: HttpRequest, kind: str, slug: str) -> HttpResponse:
    """Redirect the URL of a missing post or page; else 410 if it was withdrawn, and 404 if it never existed."""
    response = await find_redirect(request)
    if response is not None:
        return response
    try:
        await resources.withdrawn.get(kind, slug)
    except NotThere:
        return await not_found_page(request)
    return await gone_page(request)


async def find_redirect(request: HttpRequest) -> HttpResponse | None:
    """301 to the path's target, or to the path with a slash at its end; None if there is neither."""
    path = request.path
    if len(path) > LONGEST_PATH or "\x00" in path:
        return None
    try:
        response = forbid_storing(HttpResponsePermanentRedirect(await resources.redirect.get(path)))
    except NotThere:
        pass
    else:
        # The edge alone stores it: it ends with the row. Made-up paths have no row, so that they store nothing.
        response["Evergreen-Cache-Control"] = EDGE_POLICY
        return response
    if not path.endswith("/") and request.method in ("GET", "HEAD"):
        return redirect_to_slash(request)
    return None


def redirect_to_slash(request: HttpRequest) -> HttpResponse:
    query = f"?{request.META['QUERY_STRING']}" if request.META.get("QUERY_STRING") else ""
    return forbid_storing(HttpResponsePermanentRedirect(f"{append_slash(request.path)}{query}"))


def append_slash(path: str) -> str:
    """Encoded for Location: a `#` or `?` of the path would end it."""
    return f"{escape_leading_slashes(escape_uri_path(path))}/"
