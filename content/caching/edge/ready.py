"""A page as this process has it at hand: what is the same for all who get it is made once."""

import math
from collections.abc import Iterable
from functools import cache

import msgspec

from content.caching.edge.answer import best
from content.caching.edge.asking import Asking
from content.caching.edge.form import Form, Lines, is_codable, is_fit, plain_form
from content.caching.edge.making import SWR
from content.caching.edge.profile import Profile
from content.caching.edge.rules.answering import Way, decide, stale_for
from content.caching.edge.rules.directives import Directives
from content.caching.edge.rules.fields import Field
from content.caching.edge.rules.keys import url_key
from content.caching.edge.rules.status import Told
from content.caching.edge.stored import Page
from content.caching.entry import Verdict

NOTHING = Directives({})
BODILESS = frozenset({204, 205, 304})
# Bytes that Python takes for one, beside the lines and bodies of its forms.
OVERHEAD = 2200


class Ready(msgspec.Struct, eq=False, gc=False):
    """`until`: up to then a plain request gets it as it is, if no invalidation has come; `stale_until`: and up to
    then while it is made again (Unix seconds).

    `place`: the key that it is kept under; `key`: its URL's. `before`, `after`: of its Cache-Status, what stands
    around the seconds that are left. `forms`: by coding; `bare`: for who takes none. `tried`: codings that were
    begun, and whether as for a hot page; None: it is not to be coded.
    """

    place: str
    key: str
    page: Page
    profile: Profile
    age_from: float
    initial_age: float
    fresh_until: float
    until: float
    stale_until: float
    before: bytes
    after: bytes
    changed: str | None
    forms: dict[str, Form]
    bare: Lines
    tried: dict[str, bool] | None

    @classmethod
    def of(cls, place: str, page: Page, profile: Profile, tags: Iterable[str]) -> "Ready":
        key, fresh_until, form = url_key(page.url), page.fresh_until, plain_form(page, profile, tags)
        before, after = said_around(profile.name, key)
        until = fresh_until if is_plain(page, profile) else -math.inf
        return cls(
            place=place,
            key=key,
            page=page,
            profile=profile,
            age_from=page.came_at - page.initial_age,
            initial_age=page.initial_age,
            fresh_until=fresh_until,
            until=until,
            stale_until=until + stale_for(page, SWR) if may_be_stale(page, profile) else -math.inf,
            before=before,
            after=after,
            changed=page.fields.first(b"last-modified"),
            forms={"": form},
            bare=form.whole(page.status),
            tried={} if is_codable(page, profile) else None,
        )

    @property
    def size(self) -> int:
        """Bytes beside the page itself."""
        return OVERHEAD + sum(form.size for form in self.forms.values())

    def lines_for(self, asking: Asking) -> Lines | None:
        """For a plain request; None where it takes more thought to say whether the client has this already."""
        if asking.is_bare:
            return self.bare
        form = best(self.forms, asking.codings) if asking.codings else self.forms[""]
        if self.page.status >= 300:
            # Whatever the client has (RFC 9110, section 13.2.1).
            return form.whole(self.page.status)
        if asking.tag is not None:
            return form.known if asking.tag == form.etag else None
        if asking.since is not None:
            return form.known if asking.since == self.changed else None
        return form.whole(self.page.status)

    def age(self, now: float) -> int:
        return int(max(now - self.age_from, self.initial_age))

    def said(self, now: float) -> list[Field]:
        left = math.floor(self.fresh_until - now)
        return [(b"age", b"%d" % self.age(now)), (b"cache-status", b"%b%d%b" % (self.before, left, self.after))]


def is_plain(page: Page, profile: Profile) -> bool:
    """Whether, while it is fresh, there is nothing to decide about it for a plain request."""
    if page.status in BODILESS or not is_fit(page.pairs):
        return False
    if b"cache-status" in page.fields:
        # Ours follows what a cache behind us has said (RFC 9211, section 2), and stands first in a plain hit.
        return False
    decision = decide(NOTHING, page, Verdict.VALID, page.fresh_until - 0.001, profile, heard=True)
    return decision.way is Way.SERVE


def may_be_stale(page: Page, profile: Profile) -> bool:
    """Whether a plain hit may be: of variants nobody knows which is made again; and a CDN must not keep it."""
    return not page.vary and profile.cdn is None


@cache
def said_before(name: str) -> bytes:
    return Told(hit=True, ttl=0).field(name).removesuffix(b"0")


def said_around(name: str, key: str) -> tuple[bytes, bytes]:
    before = said_before(name)
    return before, Told(hit=True, ttl=0, key=key).field(name)[len(before) + 1 :]
