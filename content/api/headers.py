"""Who may keep an answer, and who may read it."""

import hashlib
import time

from django.http import HttpResponse
from django.utils.http import http_date

# Browsers keep an answer but ask before they use it again; the edge keeps it by its tags, and these are the bounds.
CACHE_CONTROL = "public, no-cache"
AT_THE_EDGE = "max-age=300, stale-while-revalidate=600, stale-if-error=86400"
NOT_THERE_AT_THE_EDGE = "max-age=10"
NOT_KEPT = "no-store"

# What scripts of other origins may see, besides the safelisted (Fetch standard, 3.3.2).
EXPOSED = "Age, Allow, Cache-Status, ETag, RateLimit, RateLimit-Policy, Retry-After"


def open_to_all(response: HttpResponse) -> HttpResponse:
    """All here is public, and no cookie changes it: scripts of every origin may read it."""
    response["Access-Control-Allow-Origin"] = "*"
    response["Access-Control-Expose-Headers"] = EXPOSED
    return response


def dated(response: HttpResponse, *, kept: bool) -> HttpResponse:
    """kept: at the edge, which answers the conditional requests for it."""
    response["Cache-Control"] = CACHE_CONTROL
    response["Evergreen-Cache-Control"] = AT_THE_EDGE if kept else NOT_KEPT
    response["Last-Modified"] = http_date(time.time())
    response["ETag"] = f'"{hashlib.blake2b(response.content, digest_size=12).hexdigest()}"'
    return open_to_all(response)
