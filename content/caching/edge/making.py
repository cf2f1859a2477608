"""A whole response as the page that is kept, with its times."""

from typing import NamedTuple

from content.caching.collecting import Collected
from content.caching.edge.form import LABEL
from content.caching.edge.profile import Profile
from content.caching.edge.request import Request
from content.caching.edge.rules.directives import Directives, response_directives
from content.caching.edge.rules.fields import Fields, connection_fields
from content.caching.edge.rules.freshness import initial_age, lifetime
from content.caching.edge.rules.keys import selected, vary_of
from content.caching.edge.shelf import Times
from content.caching.edge.stored import Page

MOST_PARTS = 200
SWR = "stale-while-revalidate"


class Whole(NamedTuple):
    """A response that is all there."""

    request: Request
    status: int
    fields: Fields
    body: bytes


def made(
    whole: Whole, asked_at: float, came_at: float, ended_at: float, collected: Collected, profile: Profile
) -> tuple[Page, Times]:
    """Fresh and stale for no longer than all that was read for it (I3)."""
    directives, targeted = response_directives(whole.fields, profile.targeted)
    age = initial_age(whole.fields, asked_at, came_at)
    lasts = lifetime(whole.status, whole.fields, directives, came_at, targeted=targeted)
    vary = tuple(name for name in vary_of(whole.fields) or () if may_vary_by(name, profile))
    fresh_until = min(came_at - age + lasts, collected.fresh_until)
    page = Page(
        url=whole.request.url,
        status=whole.status,
        pairs=to_keep(whole.fields, directives).pairs,
        body=whole.body,
        came_at=came_at,
        initial_age=age,
        lifetime=fresh_until - came_at + age,
        arguments=bounded(directives, fresh_until, collected),
        vary=vary,
        varied=tuple(selected(name, whole.request.fields) for name in vary),
        label=whole.fields.first(LABEL) or "",
        parts=tuple(sorted(collected.keys))[:MOST_PARTS],
    )
    stale, error = (page.directives.seconds(name) or 0.0 for name in (SWR, "stale-if-error"))
    keep = max(stale, error, profile.keep)
    times = Times(came_at, fresh_until, fresh_until + stale, max(fresh_until, came_at) + keep, ended_at - asked_at)
    return page, times


def may_vary_by(name: str, profile: Profile) -> bool:
    """What the application was not shown makes no other page, whatever it says of itself."""
    return profile.visible_fields is None or name.encode("latin-1") in profile.visible_fields


def to_keep(fields: Fields, directives: Directives) -> Fields:
    """Without what was about the connection (RFC 9111, section 3.1) or about one reader (5.2.2.7); its age is counted
    from here on."""
    return fields.without(connection_fields(fields) | (directives.names("private") or frozenset()) | {b"age", LABEL})


def bounded(directives: Directives, fresh_until: float, collected: Collected) -> dict[str, str | None]:
    arguments = dict(directives.arguments)
    if SWR in arguments:
        longest = min(directives.seconds(SWR) or 0.0, max(0.0, collected.stale_until - fresh_until))
        arguments[SWR] = str(int(longest))
    return arguments
