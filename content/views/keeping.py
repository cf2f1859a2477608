"""For how long browsers and the edge may keep an answer, and by what they may ask again."""

import hashlib
import time

from django.http import HttpResponse
from django.utils.http import http_date

# Browsers keep a page but ask before they show it again: no edit is hidden by a browser's copy.
IN_BROWSERS = "public, no-cache"
# The edge keeps it by its tags; these are the bounds.
AT_THE_EDGE = "max-age=300, stale-while-revalidate=600, stale-if-error=86400"
# A page that is not there may come any moment; one that was withdrawn says so when it is published again.
BRIEFLY_AT_THE_EDGE = {404: "max-age=10", 410: "max-age=60"}


def kept(response: HttpResponse) -> HttpResponse:
    """With its validators (RFC 9110, 8.8), and the words for browsers and the edge."""
    response["Cache-Control"] = IN_BROWSERS
    response["Evergreen-Cache-Control"] = AT_THE_EDGE
    response["Last-Modified"] = http_date(time.time())
    response["ETag"] = f'"{hashlib.blake2b(response.content, digest_size=12).hexdigest()}"'
    return response


def unkept(response: HttpResponse) -> HttpResponse:
    """By nobody. Of what leads elsewhere that has to be said: a 301 is kept for as long as a browser likes (RFC 9110,
    15.4.2), also when something is there by then."""
    response["Cache-Control"] = "no-store"
    return response


def kept_briefly(response: HttpResponse) -> HttpResponse:
    """What says that nothing is here: for the edge alone, for seconds."""
    response["Cache-Control"] = "no-cache"
    response["Evergreen-Cache-Control"] = BRIEFLY_AT_THE_EDGE[response.status_code]
    return response
