"""Which part of a stored whole is asked for (RFC 9110, section 14)."""

import re

from ..page import Page
from .conditions import is_strong
from .dates import parse_date
from .fields import Fields

_ONE_RANGE = re.compile(
    r"bytes=\s*(?:(?P<first>\d{1,18})-(?P<last>\d{0,18})|-(?P<suffix>\d{1,18}))\s*", re.IGNORECASE
)

ByteRange = tuple[int, int]


def range_of(request: Fields, page: Page) -> ByteRange | bool | None:
    """From and to, both included; None: the whole; False: no such part (416).

    An empty page has no byte to select: it is sent whole: a server may ignore Range (RFC 9110, section 14.2).
    Of several ranges the whole is sent, as section 14.2 allows: combined parts help attackers more than readers.
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
    """If-Range (section 13.1.5): by a strong validator, and exactly."""
    value = request.first(b"if-range")
    if value is None:
        return True
    if value.startswith(('"', "W/")):
        return is_strong(value) and value == page.etag
    moment = parse_date(value)
    return moment is not None and moment == page.modified
