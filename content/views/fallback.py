"""Paths that no other view knows: moved ones, and those that lack their last slash."""

from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.utils.http import escape_leading_slashes

from content import resources
from content.caching import NotThere
from content.views.errors import not_found_page

LONGEST_PATH = 500


async def moved_or_not_found(request: HttpRequest) -> HttpResponse:
    """301 to where the path has gone, 404 if nobody knows."""
    path = request.path
    if len(path) > LONGEST_PATH or "\x00" in path:
        return await not_found_page(request)
    try:
        return HttpResponsePermanentRedirect(await resources.redirect.get(path))
    except NotThere:
        pass
    if not path.endswith("/") and request.method in ("GET", "HEAD"):
        return with_slash(request)
    return await not_found_page(request)


def with_slash(request: HttpRequest) -> HttpResponse:
    query = f"?{request.META['QUERY_STRING']}" if request.META.get("QUERY_STRING") else ""
    return HttpResponsePermanentRedirect(f"{escape_leading_slashes(request.path)}/{query}")
