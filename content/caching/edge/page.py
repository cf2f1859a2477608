"""Pages: their keys and tags, and the values stored under a key: a page, an index of variants, a hit-for-miss marker.

A key carries the release, so two releases never read each other's pages (I18). A tag does not: an invalidation and a
purge by URL reach the pages of all releases.
"""

from collections.abc import Iterable
from functools import cache

import msgspec

from ..declarations import kinds
from ..read_counts import namers
from ..release import release_digest
from .rules.directives import Directives
from .rules.fields import Field, Fields, parse_date
from .rules.variants import name_of_url, name_of_variant

# The format of stored pages.
_FORMAT = "page@1"


def url_key(url: str) -> str:
    """The key of a URL. The method is not part of it, since only responses to GET are stored."""
    return key_prefix(release_digest()) + name_of_url(url)


def variant_key(url: str, vary: Iterable[str], request: Fields) -> str:
    """The key of the variant that a request selects by the field names in `vary`."""
    return key_prefix(release_digest()) + name_of_variant(url, vary, request)


def url_tag(url: str) -> str:
    """The tag of all values stored for a URL, by whatever release."""
    return f"{_FORMAT}:{name_of_url(url)}"


@cache
def key_prefix(release: str) -> str:
    """The beginning of the keys of all pages of a release that this process uses; "" for one without."""
    kind = page_kind(release)
    kinds.add(kind)
    return f"{kind}:"


def page_kind(release: str) -> str:
    """The kind of the keys of a release's pages, which need not be this process's; "" for one without."""
    return f"{_FORMAT}.{release}" if release else _FORMAT


class Coded(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The body of a page in a content coding, and the level at which it was compressed."""

    coding: str
    level: int
    body: bytes


class Page(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="p"):
    """A complete response and the directives it is stored by. Times in Unix seconds, ages in seconds."""

    url: str
    status: int
    pairs: tuple[Field, ...]
    body: bytes
    # The time at which it was received, and its age then (RFC 9111, section 4.2.3).
    received_at: float
    initial_age: float
    lifetime: float
    arguments: dict[str, str | None]
    # The field names in Vary, and the request's values of them.
    vary: tuple[str, ...] = ()
    varied: tuple[str, ...] = ()
    # The application's name for the page (Evergreen-Label), used for counting and not sent to clients.
    label: str = ""
    # Keys of the resources it was made from, for `cache_explain`.
    parts: tuple[str, ...] = ()
    # One of each coding. A page from before there were any is read without.
    codings: tuple[Coded, ...] = ()

    @property
    def fields(self) -> Fields:
        return Fields.of(self.pairs)

    @property
    def directives(self) -> Directives:
        return Directives(self.arguments)

    @property
    def fresh_until(self) -> float:
        return self.received_at - self.initial_age + self.lifetime

    def age(self, now: float) -> float:
        return self.initial_age + max(0.0, now - self.received_at)

    @property
    def etag(self) -> str | None:
        return self.fields.first(b"etag")

    @property
    def modified(self) -> float | None:
        return parse_date(self.fields.first(b"last-modified"))

    @property
    def can_be_validated(self) -> bool:
        return self.etag is not None or self.modified is not None


def merge_codings(page: Page, codings: Iterable[Coded]) -> Page:
    """The page with these codings too. The higher level of a coding wins. Returns the same page if nothing is new."""
    merged = {coded.coding: coded for coded in page.codings}
    for coded in codings:
        known = merged.get(coded.coding)
        if known is None or known.level < coded.level:
            merged[coded.coding] = coded
    codings_now = tuple(merged.values())
    return page if codings_now == page.codings else msgspec.structs.replace(page, codings=codings_now)


def keep_codings(page: Page, old: object) -> Page:
    """The page with the codings of the one that it replaces, if its body is the same."""
    return merge_codings(page, old.codings) if isinstance(old, Page) and old.body == page.body else page


def heat_name(page: Page) -> str:
    """The name by which reads of the page are counted: its URL, for all variants. "" for an error page.

    The key would not do, as it may have a digest in the URL's place.
    """
    return f"page:{page.url}" if page.status < 400 else ""


namers[Page] = heat_name


class VaryIndex(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="f"):
    """The index of variants of one URL: the field names of each Vary, the newest first."""

    vary: tuple[tuple[str, ...], ...]
    url: str


class HitForMiss(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="n"):
    """A marker: the last response was not stored, so requests do not wait for each other."""

    reason: str


StoredValue = Page | VaryIndex | HitForMiss


class Times(msgspec.Struct, frozen=True):
    """The times of a page's life (Unix seconds), its cost (seconds), and the mark of its plan."""

    made_at: float
    fresh_until: float
    stale_until: float
    discard_at: float
    cost: float = 0.0
    warmed: int = 0
