"""Paths that no other view knows: moved ones, and those that lack their last slash."""

from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.utils.encoding import escape_uri_path
from django.utils.http import escape_leading_slashes

from content import resources
from content.caching import NotThere
from content.views.errors import gone_page, not_found_page
from content.views.keeping import unkept

LONGEST_PATH = 500


async def moved_or_not_found(request: HttpRequest) -> HttpResponse:
    return await moved(request) or await not_found_page(request)


async def moved_gone_or_not_found(request: HttpRequest, kind: str, slug: str) -> HttpResponse:
    """Of a post or page that is not there: what was withdrawn is gone (410), unless it leads somewhere else."""
    response = await moved(request)
    if response is not None:
        return response
    try:
        await resources.withdrawn.get(kind, slug)
    except NotThere:
        return await not_found_page(request)
    return await gone_page(request)


async def moved(request: HttpRequest) -> HttpResponse | None:
    """301 to where the path has gone; None if nobody knows."""
    path = request.path
    if len(path) > LONGEST_PATH or "\x00" in path:
        return None
    try:
        return unkept(HttpResponsePermanentRedirect(await resources.redirect.get(path)))
    except NotThere:
        pass
    if not path.endswith("/") and request.method in ("GET", "HEAD"):
        return with_slash(request)
    return None


def with_slash(request: HttpRequest) -> HttpResponse:
    query = f"?{request.META['QUERY_STRING']}" if request.META.get("QUERY_STRING") else ""
    return unkept(HttpResponsePermanentRedirect(f"{path_with_slash(request.path)}{query}"))


def path_with_slash(path: str) -> str:
    """Encoded, as Location has it: `#` and `?` of the path would end it."""
    return f"{escape_leading_slashes(escape_uri_path(path))}/"
