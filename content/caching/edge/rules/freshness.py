"""How old a response is, and for how long it is fresh (RFC 9111, section 4.2)."""

import math

from .dates import parse_date
from .directives import AT_MOST, LONGEST, Directives, lifetime_of
from .fields import Fields, members

# Statuses that may be kept without a word about it (RFC 9110, section 15.1), but for 206: parts are not kept.
HEURISTIC = frozenset({200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501})
# A tenth of the time since its last change (RFC 9111, section 4.2.2), a day at most.
_HEURISTIC_SHARE = 0.1
_LONGEST_HEURISTIC = 24 * 60 * 60.0


def lifetime(
    status: int, fields: Fields, directives: Directives, received_at: float, *, targeted: bool = False
) -> float:
    """Seconds, counted from when the origin made it. A shared cache asks s-maxage first; of what is there and cannot
    be read nothing is believed."""
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
    """Without end where it is absent; 0 for what is no date, or for several."""
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
    """When it came (section 4.2.3): by its Date, and by what caches on the way have counted."""
    dated = parse_date(fields.first(b"date"), received_at)
    apparent = max(0.0, received_at - dated) if dated is not None else 0.0
    return max(apparent, _age_value(fields) + max(0.0, received_at - requested_at))


def _age_value(fields: Fields) -> float:
    """The first of several (section 5.1); 0 for what is no number."""
    found = members(fields.combined_value(b"age"))
    if not found or not found[0].isascii() or not found[0].isdigit():
        return 0.0
    return float(min(int(found[0][:30]), LONGEST))
