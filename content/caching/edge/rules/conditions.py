"""Conditions and ranges of clients, and validation with the application (RFC 9110, 13 and 14; RFC 9111, 4.3)."""

import re
from collections.abc import Sequence

from ..page import Page
from .fields import Field, Fields, connection_fields, members, parse_date
from .variants import is_tag_for_coding_of

# Fields left out of a 304 (section 15.4.5). All others are sent.
_NOT_IN_304 = frozenset({b"content-length", b"content-type", b"content-encoding", b"content-range", b"last-modified"})
CONDITIONS = (b"if-none-match", b"if-modified-since", b"if-match", b"if-unmodified-since", b"if-range")
# Conditions that only the origin can evaluate (RFC 9111, section 4.3.2).
ORIGIN_CONDITIONS = (b"if-match", b"if-unmodified-since")
_ONE_RANGE = re.compile(
    r"bytes=\s*(?:(?P<first>\d{1,18})-(?P<last>\d{0,18})|-(?P<suffix>\d{1,18}))\s*", re.IGNORECASE
)

ByteRange = tuple[int, int]


def evaluate_conditions(
    request: Fields, page: Page, etag: str | None, codings: Sequence[str] = ()
) -> tuple[bool, str | None]:
    """Whether the client has the current representation, and the tag by which it names it.

    If-None-Match is compared weakly with the page's tag, with `etag` (the tag to be sent), and with the page's tags
    in `codings`, which the client accepts. If-Modified-Since counts only without If-None-Match.
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
    given = members(request.combine(b"if-none-match"))
    if any(opaque_tag(tag) == opaque_tag(etag) for tag in given):
        return etag
    for tag in given:
        if opaque_tag(tag) == opaque_tag(page.etag):
            return page.etag
        if is_tag_for_coding_of(opaque_tag(tag), opaque_tag(page.etag), codings):
            return opaque_tag(tag)
    return None


def is_not_modified(request: Fields, response: Fields) -> bool:
    """Like `evaluate_conditions`, for a response that is not stored and has a single representation."""
    if b"if-none-match" in request:
        given, etag = members(request.combine(b"if-none-match")), response.first(b"etag")
        return "*" in given or (etag is not None and opaque_tag(etag) in map(opaque_tag, given))
    since, modified_at = parse_date(request.first(b"if-modified-since")), parse_date(response.first(b"last-modified"))
    return since is not None and modified_at is not None and modified_at <= since


def opaque_tag(etag: str) -> str:
    return etag[2:] if etag.startswith("W/") else etag


def is_strong(etag: str | None) -> bool:
    return etag is not None and not etag.startswith("W/")


def not_modified_fields(fields: Fields) -> Fields:
    """The fields of a 304: those of the page that do not describe the body, with a validator."""
    left_out = _NOT_IN_304 if b"etag" in fields else _NOT_IN_304 - {b"last-modified"}
    return fields.without(left_out)


def range_of(request: Fields, page: Page) -> ByteRange | bool | None:
    """The first and last byte that a client asks for. None: the whole page. False: no such part (416).

    Several ranges get the whole page, as section 14.2 allows: combined parts help attackers more than readers. So do
    all ranges of an empty page.
    """
    if page.status != 200 or b"range" not in request or not _if_range_holds(request, page):
        return None
    ranges = request.values(b"range")
    found = _ONE_RANGE.fullmatch(ranges[0]) if len(ranges) == 1 else None
    if found is None:
        return None
    length = len(page.body)
    if not length:
        return None
    if found["suffix"] is not None:
        wanted = int(found["suffix"])
        return (max(0, length - wanted), length - 1) if wanted else False
    first = int(found["first"])
    last = min(int(found["last"]) if found["last"] else length - 1, length - 1)
    if found["last"] and int(found["last"]) < first:
        return None
    return (first, last) if first < length else False


def _if_range_holds(request: Fields, page: Page) -> bool:
    """Whether If-Range names the stored page by a strong validator (section 13.1.5)."""
    value = request.first(b"if-range")
    if value is None:
        return True
    if value.startswith(('"', "W/")):
        return is_strong(value) and value == page.etag
    moment = parse_date(value)
    return moment is not None and moment == page.modified


# --- validation with the application (RFC 9111, section 4.3) ---

# Fields that belong to the stored body; a 304 does not change them (RFC 9111, section 3.2).
_BODY_FIELDS = frozenset({b"content-length", b"content-encoding", b"content-md5", b"content-range"})


def conditional_fields(request: Fields, page: Page) -> list[Field]:
    """The request's fields, with the stored page's validators instead of the client's conditions."""
    pairs = list(request.without([*CONDITIONS, b"range"]).pairs)
    if page.etag is not None:
        pairs.append((b"if-none-match", page.etag.encode("latin-1")))
    last_modified = page.fields.first(b"last-modified")
    if last_modified is not None:
        pairs.append((b"if-modified-since", last_modified.encode("latin-1")))
    return pairs


def confirms(page: Page, response: Fields) -> bool:
    """Whether a 304 confirms the stored page (section 4.3.4)."""
    etag = response.first(b"etag")
    if etag is not None and page.etag is not None:
        return etag == page.etag if is_strong(etag) else opaque_tag(etag) == opaque_tag(page.etag)
    last_modified = response.first(b"last-modified")
    if etag is None and last_modified is not None and page.modified is not None:
        return parse_date(last_modified) == page.modified
    return True


def freshen_fields(page: Page, response: Fields) -> Fields:
    """Replace the stored fields by those received (section 3.2).

    Without Date, the response counts as made when received (RFC 9110, section 6.6.1); the stored Date is dropped.
    """
    unwanted = _BODY_FIELDS | connection_fields(response)
    return page.fields.without([b"date"]).with_fields(response.without(unwanted).pairs)


def head_matches(page: Page, status: int, response: Fields) -> bool:
    """Whether a response to HEAD describes the stored page (section 4.3.5)."""
    if status != page.status:
        return False
    expected: Sequence[tuple[bytes, str | None]] = (
        (b"etag", page.etag),
        (b"last-modified", page.fields.first(b"last-modified")),
        (b"content-length", str(len(page.body))),
    )
    return all(response.first(name) in (None, value) for name, value in expected)
