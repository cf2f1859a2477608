"""Compute once what all responses to plain requests for a page have in common."""

import math
from collections.abc import Iterable
from functools import cache

import msgspec

from ..entry import Verdict
from .encoder import is_best
from .page import Page, url_key
from .profile import Profile
from .representation import (
    EncodedHead,
    Representation,
    choose_representation,
    is_codable,
    is_writable,
    represent_coded,
    represent_plain,
    usable_codings,
)
from .request import ParsedRequest
from .rules.directives import SWR, Directives
from .rules.fields import CacheStatus, Field
from .rules.freshness import Action, decide, stale_for

_NOTHING = Directives({})
_BODILESS = frozenset({204, 205, 304})
# Bytes that Python uses for one image, besides its heads and bodies.
_OVERHEAD = 2200


class WireImage(msgspec.Struct, eq=False, gc=False):
    """A page as it is sent to plain requests.

    - `store_key`: the key that the page is stored under; `key`: the key of its URL.
    - `until`: a plain request gets the page unchanged until then, unless it is invalidated (Unix seconds).
    - `stale_until`: a plain request gets it until then while it is refreshed (Unix seconds).
    - `before`, `after`: its Cache-Status, before and after the remaining seconds.
    - `representations`: by coding. `plain_head`: for clients that accept none.
    - `started_codings`: codings that are there or being made, and whether at the best level. None: never compress.
    - `ends_at`: from then on its fields for a CDN are too old, and a new image is built (Unix seconds).
    """

    store_key: str
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
    last_modified: str | None
    representations: dict[str, Representation]
    plain_head: EncodedHead
    started_codings: dict[str, bool] | None
    ends_at: float

    @classmethod
    def of(cls, store_key: str, page: Page, profile: Profile, tags: Iterable[str], now: float) -> "WireImage":
        key, fresh_until, plain = url_key(page.url), page.fresh_until, represent_plain(page, profile, tags, now)
        before, after = _status_around(profile.name, key)
        ends_at = math.inf if profile.cdn is None else profile.cdn.ends_at(now)
        until = min(fresh_until, ends_at) if _is_plain(page, profile) else -math.inf
        image = cls(
            store_key=store_key,
            key=key,
            page=page,
            profile=profile,
            age_from=page.received_at - page.initial_age,
            initial_age=page.initial_age,
            fresh_until=fresh_until,
            until=until,
            stale_until=until + stale_for(page, SWR) if _may_serve_stale(page, profile) else -math.inf,
            before=before,
            after=after,
            last_modified=page.fields.first(b"last-modified"),
            representations={"": plain},
            plain_head=plain.head(page.status),
            started_codings={} if is_codable(page, profile) else None,
            ends_at=ends_at,
        )
        image.add_codings(page)
        return image

    def add_codings(self, page: Page) -> None:
        """Take the codings of the page that this site offers, as another process or this one has stored them."""
        self.page = page
        if self.started_codings is None:
            return
        for coded in usable_codings(page, self.profile):
            self.representations[coded.coding] = represent_coded(self.representations[""], coded)
            is_better = self.started_codings.get(coded.coding, False)
            self.started_codings[coded.coding] = is_better or is_best(coded, len(page.body))

    @property
    def size(self) -> int:
        """Bytes used besides the page itself."""
        return _OVERHEAD + sum(each.size for each in self.representations.values())

    def head_for(self, parsed: ParsedRequest) -> EncodedHead | None:
        """The head for a plain request. None if the client's conditions need the full rules."""
        if parsed.is_bare:
            return self.plain_head
        representation = (
            choose_representation(self.representations, parsed.codings)
            if parsed.codings
            else self.representations[""]
        )
        if self.page.status >= 300:
            # Conditions apply to successful responses only (RFC 9110, section 13.2.1).
            return representation.head(self.page.status)
        if parsed.tag is not None:
            return representation.not_modified_head if parsed.tag == representation.etag else None
        if parsed.since is not None:
            return representation.not_modified_head if parsed.since == self.last_modified else None
        return representation.head(self.page.status)

    def age(self, now: float) -> int:
        return int(max(now - self.age_from, self.initial_age))

    def fields_at(self, now: float) -> list[Field]:
        """The fields that change with time: Age and Cache-Status."""
        left = math.floor(self.fresh_until - now)
        return [(b"age", b"%d" % self.age(now)), (b"cache-status", b"%b%d%b" % (self.before, left, self.after))]


def _is_plain(page: Page, profile: Profile) -> bool:
    """Whether a fresh page can be sent to a plain request without a further decision."""
    if page.status in _BODILESS or not is_writable(page.pairs):
        return False
    if b"cache-status" in page.fields:
        # A cache behind us has added Cache-Status. Ours must follow it (RFC 9211, section 2), but a plain hit writes
        # it first.
        return False
    decision = decide(_NOTHING, page, Verdict.VALID, page.fresh_until - 0.001, None, heard=True)
    return decision.action is Action.SERVE


def _may_serve_stale(page: Page, profile: Profile) -> bool:
    """Whether a plain hit may be stale. Not with Vary: the refreshed variant is unknown. Not with a CDN: it must not
    store a stale page.
    """
    return not page.vary and profile.cdn is None


@cache
def _status_prefix(name: str) -> bytes:
    return CacheStatus(hit=True, ttl=0).encode(name).removesuffix(b"0")


def _status_around(name: str, key: str) -> tuple[bytes, bytes]:
    before = _status_prefix(name)
    return before, CacheStatus(hit=True, ttl=0, key=key).encode(name)[len(before) + 1 :]
