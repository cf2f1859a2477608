"""Decide whether a stored page may answer a request (RFC 9111, section 4; RFC 5861)."""

from dataclasses import dataclass
from enum import Enum

from ...entry import Verdict
from ..page import Page
from .directives import Directives
from .freshness import lifetime

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

    It must be fresh without validation. A response without a lifetime, or with no-cache, answers only its own request
    (section 5.2.2.4).
    """
    if "no-cache" in page.arguments:
        return False
    return lifetime(page.status, page.fields, page.directives, page.received_at) > page.initial_age


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
