"""What to warm, most useful first."""

import re
from collections.abc import Iterable

from content import resources
from content.caching import NotThere
from content.warming import api, catalogue, pages
from content.warming.places import PLACES, archives, feed, list_pages, places, planned_place
from content.warming.target import Plan, Target

NEWEST = 20
MOST_VIEWED = 50
PATH = re.compile(r"/(posts|categories|tags|authors)/([-\w]{1,200})/")
TERM_OF = {"categories": "category", "tags": "tag", "authors": "author"}
PATH_OF = {kind: word for word, kind in TERM_OF.items()}
# What every page shows beside its own.
DRESS = (resources.site, resources.sidebar, resources.popular, resources.trending)
# What a post has of its own beside its document: its card in lists, and the posts that it leads on to.
BESIDE_A_POST = (resources.post_card, resources.related, resources.neighbours)


async def plan_popular(top: int = MOST_VIEWED) -> Plan:
    """What every page shows, home, lists of every kind, the newest 20 posts, and the `top` most viewed; then their
    pages, which are quickly made of it."""
    size = (await resources.site.get()).posts_per_page
    rows = [*await catalogue.newest_posts(NEWEST), *await catalogue.most_viewed_posts(top)]
    parts = [*dress(), *list_pages("all", 0, size, size), *await places(), *await api.lists(), *posts(rows)]
    return unique([*parts, *pages.planned(["/", *PLACES, *map(path_of, rows)])])


async def plan_everything() -> Plan:
    """The popular first, then all that is public: posts, cards, and every page of every list."""
    size = (await resources.site.get()).posts_per_page
    plan, rows = await plan_popular(), await catalogue.posts()
    paths = list(map(path_of, rows))
    plan += posts(rows)
    plan += list_pages("all", 0, await catalogue.post_count(), size)
    for kind in TERM_OF.values():
        rows_of_terms = await catalogue.terms(kind)
        plan += await api.posts_of([(kind, pk) for pk, _, _ in rows_of_terms])
        for pk, slug, uses in rows_of_terms:
            paths.append(f"/{PATH_OF[kind]}/{slug}/")
            plan += [Target(resources.BY_NAME[kind], (slug,)), *list_pages(kind, pk, uses, size), feed(kind, pk)]
    plan += archives(await catalogue.months(), size)
    plan += [Target(resources.sitemap_part, (number,)) for number in await catalogue.sitemap_parts()]
    return unique([*plan, *pages.planned(paths)])


async def plan_url(path: str) -> Plan:
    """What the page at that path is made of, and the page. LookupError, with the reason, if it is none of ours."""
    return [*await plan_parts(path), *pages.planned([path])]


async def plan_parts(path: str) -> Plan:
    if path.startswith("/api/"):
        return await api.plan_answer(path)
    size = (await resources.site.get()).posts_per_page
    if path == "/":
        return [*dress(), *list_pages("all", 0, size, size)]
    if (place := await planned_place(path, size)) is not None:
        return [*dress(), *place]
    found = PATH.fullmatch(path)
    if not found:
        raise LookupError(f"{path} is no page that can be warmed: try /, /archive/, /posts/<slug>/ or /tags/<slug>/.")
    kind, slug = found.groups()
    if kind == "posts":
        return [*dress(), *posts(await catalogue.posts_by_slug(slug)), Target(resources.post, ("post", slug))]
    term = resources.BY_NAME[TERM_OF[kind]]
    try:
        row = await term.get(slug)
    except NotThere as error:
        raise LookupError(f"There is no {term.name} {slug!r}.") from error
    return [*dress(), Target(term, (slug,)), *list_pages(term.name, row.id, size, size), feed(term.name, row.id)]


def dress() -> Plan:
    return [Target(resource) for resource in DRESS]


def posts(rows: Iterable[catalogue.PostRow]) -> Plan:
    plan = []
    for pk, kind, slug in rows:
        plan += [Target(resources.post, (kind, slug)), Target(resources.comments, (pk,))]
        if kind == "post":
            plan += [Target(resource, (pk,)) for resource in BESIDE_A_POST]
    return plan


def path_of(row: catalogue.PostRow) -> str:
    _, kind, slug = row
    return f"/{slug}/" if kind == "page" else f"/posts/{slug}/"


def unique(plan: Plan) -> Plan:
    return list(dict.fromkeys(plan))
