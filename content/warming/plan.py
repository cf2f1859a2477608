"""Plans for a few pages: by their paths, or the popular. The whole site is the catalogue."""

import re
from collections.abc import Iterable
from urllib.parse import unquote

from content import resources
from content.caching import NotThere
from content.warming import api_plan, rows
from content.warming.catalogue import MOST_VIEWED, Chunk, list_fixed_entries, list_popular
from content.warming.items import FIXED_PATHS, KINDS, ON_EVERY_PAGE, TERM_PATHS, encode, list_feed, list_posts
from content.warming.targets import Plan, Target, plan_pages

PATH = re.compile(r"/(posts|categories|tags|authors)/([-\w]{1,200})/")
PAGE = re.compile(r"/([-\w]{1,200})/")
FEED = re.compile(r"/(categories|tags|authors)/([-\w]{1,200})/(?:feed|atom)\.xml")
ARCHIVE = re.compile(r"/archive/([1-9][0-9]{3})/(?:(0[1-9]|1[0-2])/)?")
NUMBER = re.compile(r"page=([1-9][0-9]{0,5})")


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
    path, mark, query = path.partition("?")
    path = unquote(path)
    return [
        *dict.fromkeys(await plan_entries(f"{path}{mark}{query}")),
        *await plan_pages([f"{encode(path)}{mark}{query}"]),
    ]


async def plan_entries(path: str) -> Plan:
    if path.startswith("/api/"):
        return await api_plan.plan_response(path)
    return [*(Target(resource) for resource in ON_EVERY_PAGE), *await plan_own_entries(path)]


async def plan_own_entries(address: str) -> Plan:
    """The entries of a page, beside those that every page shows."""
    size = (await resources.site.get()).posts_per_page
    path, mark, query = address.partition("?")
    match = NUMBER.fullmatch(query) if mark else None
    if mark and match is None:
        raise LookupError(f"{address} is no page that can be warmed. The one query is ?page=N, of a list.")
    number = int(match[1]) if match else 1
    if path == "/":
        return [Target(resources.listing, ("all", 0, number, size))]
    if path in FIXED_PATHS:
        return [item for item in await list_fixed_entries() if isinstance(item, Target)]
    archive = ARCHIVE.fullmatch(path)
    if archive:
        return plan_archive(int(archive[1]), int(archive[2] or 0), number, size)
    match = FEED.fullmatch(path) or PATH.fullmatch(path)
    if match and match[1] in TERM_PATHS.values():
        return await plan_term(KINDS[match[1]], match[2], number, size)
    return await plan_post(path)


def plan_archive(year: int, month: int, number: int, size: int) -> Plan:
    """month: 0 for the whole year. number: of the page of the list."""
    if month:
        return [Target(resources.listing, ("month", year * 100 + month, number, size))]
    return [Target(resources.archive, (year,)), Target(resources.listing, ("year", year, number, size))]


async def plan_post(path: str) -> Plan:
    """A post, a page, or the redirect of an old path."""
    for kind, pattern in (("post", PATH), ("page", PAGE)):
        if match := pattern.fullmatch(path):
            slug = match[match.re.groups]
            if posts := await rows.post_by_slug(slug, kind):
                return [item for item in list_posts(posts) if isinstance(item, Target)]
    if await rows.is_old_path(path):
        return [Target(resources.redirect, (path,))]
    if PATH.fullmatch(path):
        raise LookupError(f"There is no public post, and no redirect, at {path}. Check its spelling.")
    raise LookupError(f"{path} is no page that can be warmed. Try /, /archive/, /posts/<slug>/ or /tags/<slug>/.")


async def plan_term(kind: str, slug: str, number: int, size: int) -> Plan:
    term = resources.BY_NAME[kind]
    try:
        row = await term.get(slug)
    except NotThere as error:
        raise LookupError(f"There is no {kind} {slug!r}. Check its spelling.") from error
    return [Target(term, (slug,)), Target(resources.listing, (kind, row.id, number, size)), list_feed(kind, row.id)]
