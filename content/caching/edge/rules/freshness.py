"""Compute age and lifetime, and decide whether a stored page may answer (RFC 9111, section 4; RFC 5861)."""

import math
from dataclasses import dataclass
from enum import Enum

from ...entry import Verdict
from ..page import Page
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


UNBOUNDED = float("inf")


class Action(Enum):
    SERVE = "serve"
    SERVE_AND_REFRESH = "serve, and refresh in the background"
    VALIDATE = "validate with the application first"


@dataclass(frozen=True)
class Decision:
    """The action for a stored page. `reason`: why it is not simply served, as in RFC 9211: stale, request."""

    action: Action
    reason: str = ""


def decide(
    asked: Directives, page: Page, verdict: Verdict, now: float, reload_after: float | None, *, heard: bool
) -> Decision:
    """Decide whether to serve, refresh or validate a page that was not invalidated.

    - `asked`: the request's directives.
    - `verdict`, `heard`: from the invalidation log.
    - `reload_after`: seconds for which a page is recent enough to answer a reload. None: never.
    """
    if reload_after is not None and now - page.received_at < reload_after:
        asked = Directives({})
    left = page.fresh_until - now if verdict is Verdict.VALID and heard else min(0.0, page.fresh_until - now)
    if page.directives.is_unqualified("no-cache") or page.directives.names("no-cache") is not None:
        return Decision(Action.VALIDATE, "stale")
    if "no-cache" in asked:
        return Decision(Action.VALIDATE, "request")
    if (least := asked.seconds("min-fresh")) is not None and left < least:
        return Decision(Action.VALIDATE, "request")
    return _decide_by_age(asked.seconds("max-age"), _max_stale(asked.arguments), page, left, now)


def _decide_by_age(longest: float | None, may_be_stale: float, page: Page, left: float, now: float) -> Decision:
    """`longest`: greatest age that the client accepts. `may_be_stale`: seconds of staleness that it accepts."""
    if _forbids_stale(page):
        may_be_stale = 0.0
    if longest is not None and page.age(now) > longest and (may_be_stale == 0.0 or left > 0):
        return Decision(Action.VALIDATE, "request")
    if left > 0:
        return Decision(Action.SERVE)
    if -left < may_be_stale:
        return Decision(Action.SERVE)
    if -left < stale_for(page, "stale-while-revalidate"):
        return Decision(Action.SERVE_AND_REFRESH, "stale")
    return Decision(Action.VALIDATE, "stale")


def _max_stale(arguments: object) -> float:
    """Seconds of staleness that the client accepts. Without an argument: unbounded (section 5.2.1.2)."""
    found = arguments if isinstance(arguments, dict) else {}
    if "max-stale" not in found:
        return 0.0
    text = found["max-stale"]
    if text is None:
        return UNBOUNDED
    return float(text) if text.isascii() and text.isdigit() else 0.0


def may_collapse(page: Page) -> bool:
    """Whether a new page may answer requests that waited for it.

    A response without a lifetime, or with no-cache, answers only its own request (section 5.2.2.4). Its age on
    arrival does not count: it grew while they waited. Else each would call an application that is slow already.
    """
    if "no-cache" in page.arguments:
        return False
    return lifetime(page.status, page.fields, page.directives, page.received_at) > 0


def _forbids_stale(page: Page) -> bool:
    """Whether max-stale must be ignored for this page (section 4.2.4)."""
    return not {"must-revalidate", "proxy-revalidate", "s-maxage", "no-cache"}.isdisjoint(page.arguments)


def stale_for(page: Page, name: str) -> float:
    """Seconds for which a page may be served stale, by stale-while-revalidate or stale-if-error (RFC 5861).

    s-maxage implies proxy-revalidate (RFC 9111, section 5.2.2.10). If a page has both, the extension wins.
    """
    if {"must-revalidate", "proxy-revalidate", "no-cache"} & page.arguments.keys():
        return 0.0
    return page.directives.seconds(name) or 0.0


def may_serve_on_error(page: Page, verdict: Verdict, now: float) -> bool:
    """Whether the page may replace an error of the application (RFC 5861, section 4)."""
    return verdict is not Verdict.INVALID and now - page.fresh_until < stale_for(page, "stale-if-error")
