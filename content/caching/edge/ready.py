"""A page as this process has it at hand: what is the same for all who get it is made once."""

import math

from content.caching.edge.answer import best
from content.caching.edge.asking import Asking
from content.caching.edge.form import Lines, is_codable, is_fit, plain_form
from content.caching.edge.profile import Profile
from content.caching.edge.rules.answering import Way, decide
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


class Ready:
    """`until`: up to then a plain request gets it as it is, if no invalidation has come (Unix seconds).

    `place`: the key that it is kept under; `key`: its URL's. `forms`: by coding. `tried`: codings that were begun,
    and whether as for a hot page; None: it is not to be coded.
    """

    __slots__ = (
        *("age_from", "bare", "changed", "forms", "fresh_until"),
        *("initial_age", "key", "page", "place", "profile", "told", "tried", "until"),
    )

    def __init__(self, place: str, page: Page, profile: Profile) -> None:
        self.place = place
        self.key = url_key(page.url)
        self.page = page
        self.profile = profile
        self.fresh_until = page.fresh_until
        self.age_from = page.came_at - page.initial_age
        self.initial_age = page.initial_age
        self.changed = page.fields.first(b"last-modified")
        self.forms = {"": plain_form(page, profile)}
        self.bare = self.forms[""].whole(page.status)
        self.tried: dict[str, bool] | None = {} if is_codable(page, profile) else None
        before, _, after = Told(hit=True, ttl=0, key=self.key).field(profile.name).partition(b"ttl=0")
        self.told = (before + b"ttl=", after)
        self.until = page.fresh_until if self.is_plain() else -math.inf

    def is_plain(self) -> bool:
        """Whether, while it is fresh, there is nothing to decide about it for a plain request."""
        page = self.page
        if page.status in BODILESS or not is_fit(page.pairs):
            return False
        decision = decide(NOTHING, page, Verdict.VALID, page.fresh_until - 0.001, self.profile, heard=True)
        return decision.way is Way.SERVE

    @property
    def size(self) -> int:
        """Bytes beside the page itself."""
        return OVERHEAD + sum(form.size for form in self.forms.values())

    def lines_for(self, asking: Asking) -> Lines | None:
        """For a plain request; None where it takes more thought to say whether the client has this already."""
        if asking.is_bare:
            return self.bare
        form = best(self.forms, asking.codings) if asking.codings else self.forms[""]
        if asking.tag is not None:
            return form.known if asking.tag == form.etag else None
        if asking.since is not None:
            return form.known if asking.since == self.changed else None
        return form.whole(self.page.status)

    def age(self, now: float) -> int:
        return int(max(now - self.age_from, self.initial_age))

    def said(self, now: float) -> list[Field]:
        before, after = self.told
        return [
            (b"age", b"%d" % self.age(now)),
            (b"cache-status", b"%b%d%b" % (before, math.floor(self.fresh_until - now), after)),
        ]
