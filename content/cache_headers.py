"""Cache headers of pages, feeds and API responses: for how long browsers and the edge may store them."""

import hashlib
import time

from django.http import HttpResponse
from django.utils.http import http_date

# Browsers revalidate a page before each use, so that each edit is visible at once.
BROWSER_POLICY = "public, no-cache"
# The edge ends a page by its tags; these are the bounds.
EDGE_POLICY = "max-age=300, stale-while-revalidate=600, stale-if-error=86400"
NOT_FOUND_EDGE_POLICY = "max-age=10"
# A withdrawn page has tags that end it when it is published again.
GONE_EDGE_POLICY = "max-age=60"
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
