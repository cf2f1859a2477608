"""Cache headers of pages, feeds and API responses, and pages that are the same for all readers.

@same_for_all("page")
async def category(request, slug): ...

The page of such a view depends on the path, the Host and the named query parameters alone. The edge removes all other
parameters, Cookie and Authorization before key and view. So made-up ones store nothing, and do not bypass the cache.
A view without it may differ by reader: a session cookie or Authorization bypasses the cache.
"""

import hashlib
import time
from collections.abc import Callable, Container
from functools import lru_cache
from typing import Any, TypeVar

from django.http import HttpResponse
from django.urls import Resolver404, ResolverMatch, resolve
from django.utils.http import http_date

from content.caching.edge.profile import ANY_PARAMETER

# Browsers revalidate a page before each use, so that each edit is visible at once.
BROWSER_POLICY = "public, no-cache"
# The edge ends a page by its tags. Time is the net, and a page lives no longer than what it was made from.
EDGE_POLICY = "max-age=86400, stale-while-revalidate=86400, stale-if-error=86400"
# Strangers invent such addresses, and no tag ends what names no row.
NOT_FOUND_EDGE_POLICY = "max-age=10"
# A withdrawn page has tags that end it when it is published again.
GONE_EDGE_POLICY = "max-age=86400, stale-while-revalidate=86400"
NO_STORE = "no-store"


def set_cache_headers(response: HttpResponse, *, edge: str = EDGE_POLICY) -> HttpResponse:
    """Add the policies and the validators (RFC 9110, section 8.8) of a successful response."""
    response["Cache-Control"] = BROWSER_POLICY
    response["Evergreen-Cache-Control"] = edge
    response["Last-Modified"] = http_date(time.time())
    response["ETag"] = f'"{hashlib.blake2b(response.content, digest_size=12).hexdigest()}"'
    return response


def set_not_found_headers(response: HttpResponse, *, edge: str = NOT_FOUND_EDGE_POLICY) -> HttpResponse:
    """Let the edge alone store a 404 or 410, for seconds."""
    response["Cache-Control"] = "no-cache"
    response["Evergreen-Cache-Control"] = edge
    return response


def forbid_storing(response: HttpResponse) -> HttpResponse:
    """Let no cache store it. Browsers store a 301 without a policy for as long as they like (RFC 9110, 15.4.2)."""
    response["Cache-Control"] = NO_STORE
    return response


View = TypeVar("View", bound=Callable[..., Any])

# Paths in the cache of resolved paths, and the longest such path in characters.
_MOST_PATHS, _LONGEST_PATH = 1024, 200


def same_for_all(*parameters: str) -> Callable[[View], View]:
    """Declare that a view's pages are the same for all readers. `parameters`: the names that it reads, if any.

    The view must read the last value of a repeated parameter, as `request.GET.get` does.
    """
    return _declare(frozenset(parameters))


def same_for_all_with_any_parameter(view: View) -> View:
    """Like `same_for_all`, for a view that refuses parameters that it does not know."""
    return _declare(ANY_PARAMETER)(view)


def _declare(parameters: Container[str]) -> Callable[[View], View]:
    def declare(view: View) -> View:
        view.shared_parameters = parameters  # type: ignore[attr-defined]
        return view

    return declare


def shared_parameters(path: str) -> Container[str] | None:
    """The parameters that the page at a path reads; None if its view may differ by reader.

    A path that lacks its last slash is redirected with its query, so it has the parameters of the whole path too.
    """
    own = _parameters_of_view(path)
    if path.endswith("/") or not isinstance(own, frozenset):
        return own
    whole = _parameters_of_view(f"{path}/")
    return own | whole if isinstance(whole, frozenset) else whole


def _parameters_of_view(path: str) -> Container[str] | None:
    match = resolve_path(path)
    return getattr(match.func, "shared_parameters", None) if match is not None else None


def resolve_path(path: str) -> ResolverMatch | None:
    """The view of a path and its arguments; None if no URL pattern matches."""
    return _resolve_cached(path) if len(path) <= _LONGEST_PATH else _resolve(path)


def _resolve(path: str) -> ResolverMatch | None:
    try:
        return resolve(path)
    except Resolver404:
        return None


_resolve_cached = lru_cache(_MOST_PATHS)(_resolve)
