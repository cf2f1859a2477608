"""Build the page to store from a complete response."""

from typing import NamedTuple

from ..dependencies import Dependencies
from .page import Page, Times
from .profile import Profile
from .representation import LABEL
from .request import Request
from .rules.directives import Directives, response_directives
from .rules.fields import Fields, connection_fields
from .rules.freshness import initial_age, lifetime
from .rules.variants import vary_of, vary_value

_MOST_PARTS = 200
SWR = "stale-while-revalidate"


class CompleteResponse(NamedTuple):
    """A response whose whole body has arrived, and its request."""

    request: Request
    status: int
    fields: Fields
    body: bytes


def build_page(
    response: CompleteResponse,
    requested_at: float,
    received_at: float,
    ended_at: float,
    collected: Dependencies,
    profile: Profile,
) -> tuple[Page, Times]:
    """Build a page and its times. It is fresh and stale no longer than all entries that were read for it (I3)."""
    directives, targeted = response_directives(response.fields, profile.targeted)
    age = initial_age(response.fields, requested_at, received_at)
    seconds_fresh = lifetime(response.status, response.fields, directives, received_at, targeted=targeted)
    vary = tuple(name for name in vary_of(response.fields) or () if _may_vary_by(name, profile))
    fresh_until = min(received_at - age + seconds_fresh, collected.fresh_until)
    page = Page(
        url=response.request.url,
        status=response.status,
        pairs=_fields_to_store(response.fields, directives).pairs,
        body=response.body,
        received_at=received_at,
        initial_age=age,
        lifetime=fresh_until - received_at + age,
        arguments=_bound_arguments(directives, fresh_until, collected),
        vary=vary,
        varied=tuple(vary_value(name, response.request.fields) for name in vary),
        label=response.fields.first(LABEL) or "",
        parts=tuple(sorted(collected.keys))[:_MOST_PARTS],
    )
    stale, error = (page.directives.seconds(name) or 0.0 for name in (SWR, "stale-if-error"))
    seconds_kept = max(stale, error, profile.keep)
    times = Times(
        received_at,
        fresh_until,
        fresh_until + stale,
        max(fresh_until, received_at) + seconds_kept,
        ended_at - requested_at,
    )
    return page, times


def _may_vary_by(name: str, profile: Profile) -> bool:
    """Whether a field can select a variant. Fields that the application does not see cannot."""
    return profile.visible_fields is None or name.encode("latin-1") in profile.visible_fields


def _fields_to_store(fields: Fields, directives: Directives) -> Fields:
    """Remove fields about the connection (RFC 9111, section 3.1) and about one client (section 5.2.2.7).

    Age is removed as well: the page itself carries it.
    """
    return fields.without(connection_fields(fields) | (directives.names("private") or frozenset()) | {b"age", LABEL})


def _bound_arguments(directives: Directives, fresh_until: float, collected: Dependencies) -> dict[str, str | None]:
    """The page's directives, with stale-while-revalidate bounded by the entries that were read."""
    arguments = dict(directives.arguments)
    if SWR in arguments:
        longest = min(directives.seconds(SWR) or 0.0, max(0.0, collected.stale_until - fresh_until))
        arguments[SWR] = str(int(longest))
    return arguments
