"""Plans for a few pages: by their paths, or the popular. The whole site is the catalogue."""

import re
from collections.abc import Iterable

from content import resources
from content.caching import NotThere
from content.warming import api_plan, rows
from content.warming.catalogue import (
    FIXED_PATHS,
    KINDS,
    MOST_VIEWED,
    ON_EVERY_PAGE,
    Chunk,
    list_feed,
    list_fixed_entries,
    list_popular,
    list_posts,
)
from content.warming.targets import Plan, Target, plan_pages

PATH = re.compile(r"/(posts|categories|tags|authors)/([-\w]{1,200})/")
ARCHIVE = re.compile(r"/archive/([1-9][0-9]{3})/(?:(0[1-9]|1[0-2])/)?")


async def plan_popular(top: int = MOST_VIEWED) -> Plan:
    """The entries of every page, of the fixed pages and lists, of the newest 20 posts and of the `top` most viewed.

    Their pages come last, since they are made of these entries.
    """
    chunk = Chunk.of(await list_popular(top))
    return [*chunk.entries, *await plan_pages(chunk.paths)]


async def plan_chosen(urls: Iterable[str] = (), *, top: int | None = None) -> Plan:
    """Pages by path, and the `top` most viewed; the popular if nothing is chosen. Raises LookupError, with words."""
    plan: Plan = []
    for url in urls:
        plan += await plan_url(url)
    if top is not None or not plan:
        plan += await plan_popular() if top is None else await plan_popular(top)
    return list(dict.fromkeys(plan))


async def plan_url(path: str) -> Plan:
    """The entries of the page at that path, and the page. Raises LookupError, with the reason, for other paths."""
    return [*dict.fromkeys(await plan_entries(path)), *await plan_pages([path])]


async def plan_entries(path: str) -> Plan:
    if path.startswith("/api/"):
        return await api_plan.plan_response(path)
    return [*(Target(resource) for resource in ON_EVERY_PAGE), *await plan_own_entries(path)]


async def plan_own_entries(path: str) -> Plan:
    """The entries of a page, beside those that every page shows."""
    size = (await resources.site.get()).posts_per_page
    if path == "/":
        return [Target(resources.listing, ("all", 0, 1, size))]
    if path in FIXED_PATHS:
        return [item for item in await list_fixed_entries() if isinstance(item, Target)]
    archive = ARCHIVE.fullmatch(path)
    if archive:
        return plan_archive(int(archive[1]), int(archive[2] or 0), size)
    match = PATH.fullmatch(path)
    if not match:
        raise LookupError(f"{path} is no page that can be warmed. Try /, /archive/, /posts/<slug>/ or /tags/<slug>/.")
    kind, slug = match.groups()
    return await (plan_post(slug) if kind == "posts" else plan_term(KINDS[kind], slug, size))


def plan_archive(year: int, month: int, size: int) -> Plan:
    """month: 0 for the whole year."""
    if month:
        return [Target(resources.listing, ("month", year * 100 + month, 1, size))]
    return [Target(resources.archive, (year,)), Target(resources.listing, ("year", year, 1, size))]


async def plan_post(slug: str) -> Plan:
    items = list_posts(await rows.post_by_slug(slug))
    return [Target(resources.post, ("post", slug)), *(item for item in items if isinstance(item, Target))]


async def plan_term(kind: str, slug: str, size: int) -> Plan:
    term = resources.BY_NAME[kind]
    try:
        row = await term.get(slug)
    except NotThere as error:
        raise LookupError(f"There is no {kind} {slug!r}.") from error
    return [Target(term, (slug,)), Target(resources.listing, (kind, row.id, 1, size)), list_feed(kind, row.id)]
