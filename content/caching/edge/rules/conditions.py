"""Does the client have it already (RFC 9110, section 13)?"""

from collections.abc import Sequence

from content.caching.edge.rules.coding import accepted, is_coded_form_of
from content.caching.edge.rules.dates import date_of
from content.caching.edge.rules.fields import Fields, members
from content.caching.edge.stored import Page

# What a 304 says of what the client has (section 15.4.5), and whatever else the site says with each answer.
NOT_IN_304 = frozenset({b"content-length", b"content-type", b"content-encoding", b"content-range", b"last-modified"})
CONDITIONS = (b"if-none-match", b"if-modified-since", b"if-match", b"if-unmodified-since", b"if-range")
# What only the origin can judge (RFC 9111, section 4.3.2).
FOR_THE_ORIGIN = (b"if-match", b"if-unmodified-since")


def known_tag(request: Fields, page: Page, etag: str | None, codings: Sequence[str] = ()) -> tuple[bool, str | None]:
    """Whether the client has what it would get, and by which tag it knows it.

    If-None-Match by weak comparison with the page's tag, with `etag`, what it would get, and with what the page's is
    called in other codings that it takes; If-Modified-Since counts only without it.
    """
    if b"if-none-match" in request:
        tag = matching_tag(request, page, etag, codings)
        return (True, tag) if tag is not None else ("*" in request.values(b"if-none-match"), None)
    since = date_of(request.first(b"if-modified-since"))
    if since is None or len(request.values(b"if-modified-since")) > 1:
        return False, None
    changed = page.modified
    if changed is None:
        changed = date_of(page.fields.first(b"date")) or page.came_at
    return changed <= since, None


def matching_tag(request: Fields, page: Page, etag: str | None, codings: Sequence[str]) -> str | None:
    if page.etag is None or etag is None:
        return None
    given = members(request.joined(b"if-none-match"))
    if any(opaque(tag) == opaque(etag) for tag in given):
        return etag
    takes = accepted(request, codings)
    for tag in given:
        if opaque(tag) == opaque(page.etag):
            return page.etag
        if is_coded_form_of(opaque(tag), opaque(page.etag), takes):
            return opaque(tag)
    return None


def has_it(request: Fields, answer: Fields) -> bool:
    """As known_tag, for an answer that is not kept: it has one form, and its own tag or date."""
    if b"if-none-match" in request:
        given, etag = members(request.joined(b"if-none-match")), answer.first(b"etag")
        return "*" in given or (etag is not None and opaque(etag) in map(opaque, given))
    since, changed = date_of(request.first(b"if-modified-since")), date_of(answer.first(b"last-modified"))
    return since is not None and changed is not None and changed <= since


def opaque(etag: str) -> str:
    return etag[2:] if etag.startswith("W/") else etag


def is_strong(etag: str | None) -> bool:
    return etag is not None and not etag.startswith("W/")


def fields_of_304(fields: Fields) -> Fields:
    """With a validator; what describes a body that is not sent is left out."""
    left_out = NOT_IN_304 if b"etag" in fields else NOT_IN_304 - {b"last-modified"}
    return fields.without(left_out)
