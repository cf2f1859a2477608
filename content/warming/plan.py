"""Plans: the entries to warm, most useful first."""

import re
from collections import defaultdict
from collections.abc import Iterable

from content import resources
from content.caching import NotThere
from content.documents import ALL_YEARS
from content.resources.lists import POSTS_A_FEED
from content.warming import catalogue
from content.warming.targets import Plan, Target, plan_pages

NEWEST = 20
MOST_VIEWED = 50
PATH = re.compile(r"/(posts|categories|tags|authors)/([-\w]{1,200})/")
ARCHIVE = re.compile(r"/archive/([1-9][0-9]{3})/(?:(0[1-9]|1[0-2])/)?")
TERM_OF = {"categories": "category", "tags": "tag", "authors": "author"}
PATH_OF = {kind: word for word, kind in TERM_OF.items()}
# Resources that every page shows.
ON_EVERY_PAGE = (resources.site, resources.sidebar, resources.popular, resources.trending)
# Resources of a post beside its document.
OF_A_POST = (resources.post_card, resources.related, resources.neighbours)


def plan_feed(by: str, pk: int) -> Target:
    return Target(resources.listing, (by, pk, 1, POSTS_A_FEED))


ALL_MONTHS = Target(resources.archive, (ALL_YEARS,))
# Pages without a parameter, and the entries that they read beside those of every page.
FIXED_PAGES: dict[str, Plan] = {
    "/archive/": [ALL_MONTHS],
    "/popular/": [],
    "/trending/": [],
    "/feed.xml": [plan_feed("all", 0)],
    "/atom.xml": [plan_feed("all", 0)],
    "/sitemap.xml": [ALL_MONTHS, Target(resources.sitemap_summary)],
}


async def plan_popular(top: int = MOST_VIEWED) -> Plan:
    """The entries of every page, of the front page and lists, of the newest 20 posts and of the `top` most viewed.

    Their pages come last, since they are made of these entries.
    """
    size = (await resources.site.get()).posts_per_page
    rows = [*await catalogue.load_newest_posts(NEWEST), *await catalogue.load_most_viewed_posts(top)]
    parts = [*plan_every_page(), *plan_list("all", 0, size, size), *await plan_fixed_pages()]
    parts += [*await catalogue.plan_lists(), *plan_posts(rows)]
    return unique([*parts, *plan_pages(["/", *FIXED_PAGES, *map(path_of, rows)])])


async def plan_everything() -> Plan:
    """The popular first, then all public posts and all pages of all lists."""
    size = (await resources.site.get()).posts_per_page
    plan, rows = await plan_popular(), await catalogue.load_posts()
    paths = list(map(path_of, rows))
    plan += plan_posts(rows)
    plan += plan_list("all", 0, await catalogue.count_posts(), size)
    for kind in TERM_OF.values():
        rows_of_terms = await catalogue.load_terms(kind)
        plan += await catalogue.plan_windows([(kind, pk) for pk, _, _ in rows_of_terms])
        for pk, slug, uses in rows_of_terms:
            paths.append(f"/{PATH_OF[kind]}/{slug}/")
            plan += [Target(resources.BY_NAME[kind], (slug,)), *plan_list(kind, pk, uses, size), plan_feed(kind, pk)]
    plan += plan_archives(await catalogue.load_months(), size)
    plan += [Target(resources.sitemap_part, (number,)) for number in await catalogue.load_sitemap_parts()]
    return unique([*plan, *plan_pages(paths)])


async def plan_chosen(
    names: Iterable[str] = (), urls: Iterable[str] = (), *, top: int | None = None, everything: bool = False
) -> Plan:
    """Resources by name, pages by path, or everything; the popular if nothing is chosen."""
    plan: Plan = []
    for url in urls:
        plan += await plan_url(url)
    chosen = set(names)
    if chosen:
        plan += [target for target in await plan_everything() if target.resource.name in chosen]
    if everything:
        plan += await plan_everything()
    elif top is not None or not plan:
        plan += await plan_popular() if top is None else await plan_popular(top)
    return unique(plan)


async def plan_url(path: str) -> Plan:
    """The entries of the page at that path, and the page. Raises LookupError, with the reason, for other paths."""
    return [*await plan_entries(path), *plan_pages([path])]


async def plan_entries(path: str) -> Plan:
    if path.startswith("/api/"):
        return await catalogue.plan_response(path)
    size = (await resources.site.get()).posts_per_page
    if path == "/":
        return [*plan_every_page(), *plan_list("all", 0, size, size)]
    if (fixed := await plan_fixed_path(path, size)) is not None:
        return [*plan_every_page(), *fixed]
    match = PATH.fullmatch(path)
    if not match:
        raise LookupError(f"{path} is no page that can be warmed. Try /, /archive/, /posts/<slug>/ or /tags/<slug>/.")
    kind, slug = match.groups()
    if kind == "posts":
        return [
            *plan_every_page(),
            *plan_posts(await catalogue.load_post(slug)),
            Target(resources.post, ("post", slug)),
        ]
    term = resources.BY_NAME[TERM_OF[kind]]
    try:
        row = await term.get(slug)
    except NotThere as error:
        raise LookupError(f"There is no {term.name} {slug!r}.") from error
    return [
        *plan_every_page(),
        Target(term, (slug,)),
        *plan_list(term.name, row.id, size, size),
        plan_feed(term.name, row.id),
    ]


def plan_every_page() -> Plan:
    return [Target(resource) for resource in ON_EVERY_PAGE]


def plan_posts(rows: Iterable[catalogue.PostRow]) -> Plan:
    plan: Plan = []
    for pk, kind, slug in rows:
        plan += [Target(resources.post, (kind, slug)), Target(resources.comments, (pk,))]
        if kind == "post":
            plan += [Target(resource, (pk,)) for resource in OF_A_POST]
    return plan


def path_of(row: catalogue.PostRow) -> str:
    _, kind, slug = row
    return f"/{slug}/" if kind == "page" else f"/posts/{slug}/"


def unique(plan: Iterable[Target]) -> Plan:
    return list(dict.fromkeys(plan))


async def plan_fixed_pages() -> Plan:
    return [target for path in FIXED_PAGES for target in await plan_fixed_page(path)]


async def plan_fixed_page(path: str) -> Plan:
    return [*FIXED_PAGES[path], *(await plan_sitemap_terms() if path == "/sitemap.xml" else ())]


async def plan_sitemap_terms() -> Plan:
    """The parts of the sitemap with categories, tags and authors."""
    return [Target(resources.sitemap_terms, part) for part in (await resources.sitemap_summary.load()).terms]


async def plan_fixed_path(path: str, size: int) -> Plan | None:
    """The plan of a page without a parameter or of an archive; None for other paths."""
    if path in FIXED_PAGES:
        return await plan_fixed_page(path)
    found = ARCHIVE.fullmatch(path)
    return plan_archive(int(found[1]), int(found[2] or 0), size, size) if found else None


def plan_archives(rows: Iterable[catalogue.MonthRow], size: int) -> Plan:
    """All pages of all months and years."""
    plan: Plan = []
    years: dict[int, int] = defaultdict(int)
    for year, month, posts in rows:
        years[year] += posts
        plan += plan_archive(year, month, posts, size)
    for year, posts in years.items():
        plan += plan_archive(year, 0, posts, size)
    return plan


def plan_archive(year: int, month: int, total: int, size: int) -> Plan:
    """month: 0 for the whole year."""
    if month:
        return plan_list("month", year * 100 + month, total, size)
    return [Target(resources.archive, (year,)), *plan_list("year", year, total, size)]


def plan_list(by: str, pk: int, total: int, size: int) -> Plan:
    pages = max(1, -(-total // size))
    return [Target(resources.listing, (by, pk, page, size)) for page in range(1, pages + 1)]
