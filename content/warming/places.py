"""What lists, archives, feeds and the sitemap are made of, beside the posts that they show."""

import re
from collections import defaultdict
from collections.abc import Iterable

from content import resources
from content.documents.archive import ALL_YEARS
from content.resources.listings import POSTS_A_FEED
from content.warming import catalogue
from content.warming.target import Plan, Target

ARCHIVE = re.compile(r"/archive/([1-9][0-9]{3})/(?:(0[1-9]|1[0-2])/)?")


def feed(by: str, pk: int) -> Target:
    return Target(resources.listing, (by, pk, 1, POSTS_A_FEED))


ALL_MONTHS = Target(resources.archive, (ALL_YEARS,))
# The rankings are beside every page in any case.
PLACES: dict[str, Plan] = {
    "/archive/": [ALL_MONTHS],
    "/popular/": [],
    "/trending/": [],
    "/feed.xml": [feed("all", 0)],
    "/atom.xml": [feed("all", 0)],
    "/sitemap.xml": [ALL_MONTHS, Target(resources.sitemap_summary)],
}


async def places() -> Plan:
    return [target for path in PLACES for target in await place(path)]


async def place(path: str) -> Plan:
    return [*PLACES[path], *(await parts_of_terms() if path == "/sitemap.xml" else ())]


async def parts_of_terms() -> Plan:
    """Of the sitemap: what tells of categories, tags and authors."""
    return [Target(resources.sitemap_terms, part) for part in (await resources.sitemap_summary.load()).terms]


async def planned_place(path: str, size: int) -> Plan | None:
    """None for what is no such path."""
    if path in PLACES:
        return await place(path)
    found = ARCHIVE.fullmatch(path)
    return archive_of(int(found[1]), int(found[2] or 0), size, size) if found else None


def archives(rows: Iterable[catalogue.MonthRow], size: int) -> Plan:
    """Every page of every month and of every year."""
    plan: Plan = []
    years: dict[int, int] = defaultdict(int)
    for year, month, posts in rows:
        years[year] += posts
        plan += archive_of(year, month, posts, size)
    for year, posts in years.items():
        plan += archive_of(year, 0, posts, size)
    return plan


def archive_of(year: int, month: int, total: int, size: int) -> Plan:
    """month: 0 for the whole year."""
    if month:
        return list_pages("month", year * 100 + month, total, size)
    return [Target(resources.archive, (year,)), *list_pages("year", year, total, size)]


def list_pages(by: str, pk: int, total: int, size: int) -> Plan:
    pages = max(1, -(-total // size))
    return [Target(resources.listing, (by, pk, page, size)) for page in range(1, pages + 1)]
