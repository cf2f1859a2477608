"""Does the client have the page already (RFC 9110, section 13)?"""

from collections.abc import Sequence

from ..page import Page
from .coding import accepted_codings, is_coded_tag_of
from .dates import parse_date
from .fields import Fields, members

# Fields left out of a 304 (section 15.4.5). All others are sent.
_NOT_IN_304 = frozenset({b"content-length", b"content-type", b"content-encoding", b"content-range", b"last-modified"})
CONDITIONS = (b"if-none-match", b"if-modified-since", b"if-match", b"if-unmodified-since", b"if-range")
# Conditions that only the origin can evaluate (RFC 9111, section 4.3.2).
ORIGIN_CONDITIONS = (b"if-match", b"if-unmodified-since")


def evaluate_conditions(
    request: Fields, page: Page, etag: str | None, codings: Sequence[str] = ()
) -> tuple[bool, str | None]:
    """Whether the client has the current representation, and the tag by which it names it.

    If-None-Match is compared weakly with the page's tag, with `etag` (the tag to be sent), and with the page's tags
    in other codings that the client accepts. If-Modified-Since counts only without If-None-Match.
    """
    if b"if-none-match" in request:
        tag = _matching_tag(request, page, etag, codings)
        return (True, tag) if tag is not None else ("*" in request.values(b"if-none-match"), None)
    since = parse_date(request.first(b"if-modified-since"))
    if since is None or len(request.values(b"if-modified-since")) > 1:
        return False, None
    modified_at = page.modified
    if modified_at is None:
        modified_at = parse_date(page.fields.first(b"date")) or page.received_at
    return modified_at <= since, None


def _matching_tag(request: Fields, page: Page, etag: str | None, codings: Sequence[str]) -> str | None:
    if page.etag is None or etag is None:
        return None
    given = members(request.combined_value(b"if-none-match"))
    if any(opaque_tag(tag) == opaque_tag(etag) for tag in given):
        return etag
    takes = accepted_codings(request, codings)
    for tag in given:
        if opaque_tag(tag) == opaque_tag(page.etag):
            return page.etag
        if is_coded_tag_of(opaque_tag(tag), opaque_tag(page.etag), takes):
            return opaque_tag(tag)
    return None


def is_not_modified(request: Fields, response: Fields) -> bool:
    """Like `evaluate_conditions`, for a response that is not stored and has a single representation."""
    if b"if-none-match" in request:
        given, etag = members(request.combined_value(b"if-none-match")), response.first(b"etag")
        return "*" in given or (etag is not None and opaque_tag(etag) in map(opaque_tag, given))
    since, modified_at = parse_date(request.first(b"if-modified-since")), parse_date(response.first(b"last-modified"))
    return since is not None and modified_at is not None and modified_at <= since


def opaque_tag(etag: str) -> str:
    return etag[2:] if etag.startswith("W/") else etag


def is_strong(etag: str | None) -> bool:
    return etag is not None and not etag.startswith("W/")


def not_modified_fields(fields: Fields) -> Fields:
    """Fields of a 304: without those that describe the body, but with a validator."""
    left_out = _NOT_IN_304 if b"etag" in fields else _NOT_IN_304 - {b"last-modified"}
    return fields.without(left_out)
