"""URLs that no other view knows: redirects, missing last slashes, and 404 or 410 for the rest."""

from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.utils.encoding import escape_uri_path
from django.utils.http import escape_leading_slashes

from content import resources
from content.cache_headers import forbid_storing
from content.caching import NotThere
from content.views.errors import gone_page, not_found_page

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
        return forbid_storing(HttpResponsePermanentRedirect(await resources.redirect.get(path)))
    except NotThere:
        pass
    if not path.endswith("/") and request.method in ("GET", "HEAD"):
        return redirect_to_slash(request)
    return None


def redirect_to_slash(request: HttpRequest) -> HttpResponse:
    query = f"?{request.META['QUERY_STRING']}" if request.META.get("QUERY_STRING") else ""
    return forbid_storing(HttpResponsePermanentRedirect(f"{append_slash(request.path)}{query}"))


def append_slash(path: str) -> str:
    """Encoded for Location: a `#` or `?` of the path would end it."""
    return f"{escape_leading_slashes(escape_uri_path(path))}/"
