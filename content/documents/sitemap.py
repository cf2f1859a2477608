from datetime import datetime

from msgspec import Struct

# Posts and pages are told by their primary keys, so many keys a part: a change ends one part, and none ever grows.
# Search engines take 50,000 addresses a file (sitemaps.org); a part has to be made in a moment.
KEYS_A_PART = 1_000
# Before the parts of posts and pages comes that of the lists.
LISTS = 0


def part_of(pk: int) -> int:
    """The number of the part that tells of that post or page; from 1."""
    return pk // KEYS_A_PART + 1


class SitemapEntry(Struct, frozen=True, array_like=True, gc=False):
    """A path of this site and when what it shows was changed last, where that is known."""

    path: str
    changed_at: datetime | None = None


class SitemapPart(Struct, frozen=True, gc=False):
    """Some of the paths that search engines are told of."""

    entries: tuple[SitemapEntry, ...] = ()
    next_publication: datetime | None = None


class PartSummary(Struct, frozen=True, array_like=True, gc=False):
    """A part of the posts and pages: its number, and their latest change."""

    number: int
    changed_at: datetime


class SitemapSummary(Struct, frozen=True, gc=False):
    """The parts that are not empty, in their order, and how many paths all have.

    `terms` are the parts of the categories, tags and authors: a kind and a number from 1.
    """

    parts: tuple[PartSummary, ...] = ()
    paths: int = 0
    terms: tuple[tuple[str, int], ...] = ()
    next_publication: datetime | None = None
