"""The site's configuration, and its sitemap in parts."""

from datetime import datetime

from msgspec import Struct

RIGHT_TO_LEFT = {"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"}


def direction(language: str) -> str:
    """The writing direction of a language tag (BCP 47), for HTML's `dir`: rtl or ltr."""
    return "rtl" if language.partition("-")[0].lower() in RIGHT_TO_LEFT else "ltr"


class MenuEntry(Struct, frozen=True, gc=False):
    label: str
    url: str


class SiteDocument(Struct, frozen=True, gc=False):
    """The site's title, tagline, menu and settings."""

    title: str
    tagline: str = ""
    menu: tuple[MenuEntry, ...] = ()
    posts_per_page: int = 10
    language: str = "en"
    comments_open: bool = True

    @property
    def direction(self) -> str:
        return direction(self.language)


# Primary keys in a part of the sitemap. A change of a post ends one part only, and no part grows without bound.
# Search engines take 50,000 addresses a file (sitemaps.org); smaller parts are quick to make.
KEYS_A_PART = 1_000
# The number of the part with the lists; parts of posts and pages begin at 1.
LISTS = 0


def part_of(pk: int) -> int:
    """The number, from 1, of the part that lists that post or page."""
    return pk // KEYS_A_PART + 1


class SitemapEntry(Struct, frozen=True, array_like=True, gc=False):
    """A path of this site and, if known, the time of its last change."""

    path: str
    changed_at: datetime | None = None


class SitemapPart(Struct, frozen=True, gc=False):
    """One part of the sitemap."""

    entries: tuple[SitemapEntry, ...] = ()
    next_publication: datetime | None = None


class PartSummary(Struct, frozen=True, array_like=True, gc=False):
    """The number of a part of the posts and pages, and their latest change."""

    number: int
    changed_at: datetime


class SitemapSummary(Struct, frozen=True, gc=False):
    """The parts that are not empty, in order, and the number of paths in all of them.

    `terms` are the parts of the categories, tags and authors: a kind and a number from 1.
    """

    parts: tuple[PartSummary, ...] = ()
    paths: int = 0
    terms: tuple[tuple[str, int], ...] = ()
    next_publication: datetime | None = None
