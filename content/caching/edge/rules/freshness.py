"""Compute the age and the lifetime of a response (RFC 9111, section 4.2)."""

import math

from .directives import AT_MOST, LONGEST, Directives, lifetime_of
from .fields import Fields, members, parse_date

# Statuses that may be stored without an explicit lifetime (RFC 9110, section 15.1). 206 is missing: this cache stores
# no parts.
HEURISTIC = frozenset({200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501})
# The heuristic lifetime: a share of the time since the last change, and at most a day (RFC 9111, section 4.2.2).
_HEURISTIC_SHARE = 0.1
_LONGEST_HEURISTIC = 24 * 60 * 60.0


def lifetime(
    status: int, fields: Fields, directives: Directives, received_at: float, *, targeted: bool = False
) -> float:
    """The lifetime in seconds, counted from the time at the origin. An invalid value counts as 0."""
    dated = parse_date(fields.first(b"date"), received_at)
    dated = received_at if dated is None else dated
    seconds = lifetime_of(directives)
    if seconds is not None:
        return min(seconds, _until_expires(fields, dated, received_at)) if AT_MOST in directives else seconds
    if b"expires" in fields and not targeted:
        return _until_expires(fields, dated, received_at)
    if targeted:
        return 0.0
    return _heuristic(status, fields, directives, dated)


def _until_expires(fields: Fields, dated: float, received_at: float) -> float:
    """Seconds until Expires. Infinite without Expires, 0 if its value is invalid or ambiguous."""
    ends = {parse_date(value, received_at) for value in fields.values(b"expires")}
    if not ends:
        return math.inf
    end = ends.pop() if len(ends) == 1 else None
    return 0.0 if end is None else max(0.0, end - dated)


def _heuristic(status: int, fields: Fields, directives: Directives, dated: float) -> float:
    changed = parse_date(fields.first(b"last-modified"), dated)
    if changed is None or not (status in HEURISTIC or "public" in directives):
        return 0.0
    return min(max(0.0, dated - changed) * _HEURISTIC_SHARE, _LONGEST_HEURISTIC)


def initial_age(fields: Fields, requested_at: float, received_at: float) -> float:
    """The age in seconds on arrival, from Date, Age and the time of the request (section 4.2.3)."""
    dated = parse_date(fields.first(b"date"), received_at)
    apparent = max(0.0, received_at - dated) if dated is not None else 0.0
    return max(apparent, _age_value(fields) + max(0.0, received_at - requested_at))


def _age_value(fields: Fields) -> float:
    """The first value of Age in seconds (section 5.1). 0 if it is not a number."""
    found = members(fields.combine(b"age"))
    if not found or not found[0].isascii() or not found[0].isdigit():
        return 0.0
    return float(min(int(found[0][:30]), LONGEST))
