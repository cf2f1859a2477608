"""Does the client have it already (RFC 9110, section 13)?"""

from content.caching.edge.rules.dates import date_of
from content.caching.edge.rules.fields import Fields, members
from content.caching.edge.stored import Page

# What a 304 says of what the client has (section 15.4.5), and whatever else the site says with each answer.
NOT_IN_304 = frozenset({b"content-length", b"content-type", b"content-encoding", b"content-range", b"last-modified"})
CONDITIONS = (b"if-none-match", b"if-modified-since", b"if-match", b"if-unmodified-since", b"if-range")
# What only the origin can judge (RFC 9111, section 4.3.2).
FOR_THE_ORIGIN = (b"if-match", b"if-unmodified-since")


def is_known(request: Fields, page: Page) -> bool:
    """If-None-Match by weak comparison; If-Modified-Since counts only without it."""
    if b"if-none-match" in request:
        return (page.etag is not None and matches(request, page.etag)) or "*" in request.values(b"if-none-match")
    since = date_of(request.first(b"if-modified-since"))
    if since is None or len(request.values(b"if-modified-since")) > 1:
        return False
    changed = page.modified
    if changed is None:
        changed = date_of(page.fields.first(b"date")) or page.came_at
    return changed <= since


def matches(request: Fields, etag: str) -> bool:
    wanted = opaque(etag)
    return any(opaque(member) == wanted for member in members(request.joined(b"if-none-match")))


def opaque(etag: str) -> str:
    return etag[2:] if etag.startswith("W/") else etag


def is_strong(etag: str | None) -> bool:
    return etag is not None and not etag.startswith("W/")


def fields_of_304(fields: Fields) -> Fields:
    """With a validator; what describes a body that is not sent is left out."""
    left_out = NOT_IN_304 if b"etag" in fields else NOT_IN_304 - {b"last-modified"}
    return fields.without(left_out)
