"""The catalogue: everything that readers can ask for, most useful first, in chunks of bounded size.

Entries and pages are derived from rows, so that a site of any size needs the memory of one chunk. The catalogue has
each address that the site links to, and no address that responds 404.
"""

import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

from content import resources
from content.documents import ALL_YEARS, YEARS, PeriodsDocument
from content.documents.site import LISTS as LISTS_OF_SITEMAP
from content.resources.lists import POSTS_A_FEED
from content.warming import rows
from content.warming.rows import PostRow, TermRow
from content.warming.targets import SAFE, Target

# Entries and pages in a chunk: those of the posts in one batch of a loader.
CHUNK = 3_000
NEWEST = 20
MOST_VIEWED = 50

TERM_PATHS = {"category": "categories", "tag": "tags", "author": "authors"}
KINDS = {path: kind for kind, path in TERM_PATHS.items()}
PATH_OF_ROW = re.compile(r"/(?:(posts|categories|tags|authors)/)?([-\w]{1,200})/")
FEEDS = ("feed.xml", "atom.xml")
API = "/api/v1"
# Resources that every page shows.
ON_EVERY_PAGE = (resources.site, resources.sidebar, resources.popular, resources.trending)
# Resources of a post beside its document.
OF_A_POST = (resources.post_card, resources.related, resources.neighbours)
# The pages without a parameter.
FIXED_PATHS = (
    "/", "/archive/", "/popular/", "/trending/", "/search/",
    "/feed.xml", "/atom.xml", "/sitemap.xml", "/robots.txt", "/favicon.ico",
    f"{API}/", f"{API}/openapi.json", f"{API}/docs/",
    *(f"{API}/{name}/" for name in ("posts", "pages", "popular", "trending", *TERM_PATHS.values())),
)  # fmt: skip

# An entry, or the path of a page with its query.
Item = Target | str


@dataclass(frozen=True)
class Chunk:
    """A part of the catalogue: entries, and the paths of pages with their queries, encoded as in a request.

    `is_hot`: what most readers ask for. Its pages are made at once; the pages of other chunks may show entries of
    later chunks, and are cheapest to make after all entries.
    """

    entries: list[Target] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    is_hot: bool = False

    @classmethod
    def of(cls, items: Iterable[Item], *, is_hot: bool = False) -> "Chunk":
        chunk = cls(is_hot=is_hot)
        for item in dict.fromkeys(items):
            if isinstance(item, str):
                chunk.paths.append(item)
            else:
                chunk.entries.append(item)
        return chunk


async def catalogue(size: int = CHUNK) -> AsyncIterator[Chunk]:
    """All entries and pages of the site, each once, in chunks of at most `size`; the first may be larger.

    It reads the database in batches of 500 rows while it is iterated over.
    """
    popular = [*await list_popular(), *await list_newest_cards()]
    yield Chunk.of(popular, is_hot=True)
    seen, items = frozenset(popular), list[Item]()
    async for group in _list_rest():
        for item in group:
            if item in seen:
                continue
            items.append(item)
            if len(items) >= size:
                yield Chunk.of(items)
                items = []
    if items:
        yield Chunk.of(items)


async def list_popular(top: int = MOST_VIEWED) -> list[Item]:
    """The entries of every page, the fixed pages, the newest 20 posts, and the `top` most viewed."""
    size = await rows.posts_per_page()
    popular = [*await rows.newest_posts(NEWEST), *await rows.most_viewed_posts(top)]
    return [
        *(Target(resource) for resource in ON_EVERY_PAGE),
        Target(resources.listing, ("all", 0, 1, size)),
        *await list_fixed_entries(),
        *FIXED_PATHS,
        *list_posts(popular),
    ]


async def list_newest_cards() -> list[Item]:
    """The cards of the newest posts: those that popular posts show as related are mostly among them."""
    return [Target(resources.post_card, (pk,)) for pk, _, _ in await rows.newest_posts(rows.ROWS)]


async def list_fixed_entries() -> list[Item]:
    """The entries of the fixed pages, beside those of every page."""
    items: list[Item] = [Target(resources.archive, (ALL_YEARS,)), list_feed("all", 0)]
    for kind, index in (await rows.directories()).items():
        items.append(Target(resources.directory_index, (kind,)))
        items += [Target(resources.directory, (kind, start)) for start in index.starts]
    summary = await resources.sitemap_summary.load()
    items.append(Target(resources.sitemap_summary))
    items += [Target(resources.sitemap_terms, part) for part in summary.terms]
    items += [Target(resources.sitemap_part, (part.number,)) for part in summary.parts]
    for (by, pk), periods in (await rows.periods_of([("all", 0), ("pages", 0)])).items():
        items += list_windows(by, pk, periods)
    return items


async def _list_rest() -> AsyncIterator[Iterable[Item]]:
    """Groups of items. A group is lazy: the pages of one list alone may be as many as the site has posts."""
    size = await rows.posts_per_page()
    async for posts in rows.posts():
        yield list_posts(posts)
    total = sum(period.posts for period in (await rows.periods_of([("all", 0)]))["all", 0].periods)
    yield list_pages("all", 0, "/", total, size)
    for kind in TERM_PATHS:
        async for terms in rows.terms(kind):
            periods = await rows.periods_of([(kind, pk) for pk, _ in terms])
            for term in terms:
                yield list_term(kind, term, periods[kind, term[0]], size)
    async for group in _list_archives(size):
        yield group
    yield await _list_rankings(size)
    yield await _list_sitemap()
    async for paths in rows.old_paths():
        yield list_redirects(paths)


def list_posts(posts: Iterable[PostRow]) -> Iterator[Item]:
    """The entries and pages of posts and of pages."""
    for pk, kind, slug in posts:
        yield Target(resources.post, (kind, slug))
        yield Target(resources.comments, (pk,))
        yield from (Target(resource, (pk,)) for resource in (OF_A_POST if kind == "post" else OF_A_POST[:1]))
        yield encode(path_of(kind, slug))
        yield encode(f"{API}/{kind}s/{slug}/")


def path_of(kind: str, slug: str) -> str:
    return f"/{slug}/" if kind == "page" else f"/posts/{slug}/"


def encode(path: str) -> str:
    """A path of a row, as browsers request it."""
    return quote(path, safe=SAFE.replace("%", ""))


def list_feed(by: str, pk: int) -> Target:
    return Target(resources.listing, (by, pk, 1, POSTS_A_FEED))


def list_pages(by: str, pk: int, path: str, total: int, size: int) -> Iterator[Item]:
    """All pages of a list. An empty list has one."""
    for number in range(1, max(1, -(-total // size)) + 1):
        yield Target(resources.listing, (by, pk, number, size))
        yield path if number == 1 else f"{path}?page={number}"


def list_windows(by: str, pk: int, document: PeriodsDocument) -> Iterator[Item]:
    """The entries of a list of the API."""
    yield Target(resources.periods, (by, pk))
    for period in document.periods:
        yield Target(resources.window, (by, pk, period.number, period.part))


def list_term(kind: str, term: TermRow, periods: PeriodsDocument, size: int) -> Iterator[Item]:
    """The entries and pages of an author, a category or a tag: list pages, feeds, and responses of the API."""
    pk, slug = term
    path = encode(f"/{TERM_PATHS[kind]}/{slug}/")
    yield Target(resources.BY_NAME[kind], (slug,))
    yield list_feed(kind, pk)
    yield from list_pages(kind, pk, path, sum(period.posts for period in periods.periods), size)
    yield from list_windows(kind, pk, periods)
    yield from (f"{path}{name}" for name in FEEDS)
    yield f"{API}{path}"
    yield f"{API}/posts/?{kind}={quote(slug)}"


async def _list_archives(size: int) -> AsyncIterator[Iterable[Item]]:
    years: Counter[int] = Counter()
    for month in await rows.months():
        if month.year in YEARS:
            years[month.year] += month.posts
            yield list_pages("month", month.year * 100 + month.month, month.url, month.posts, size)
    for year, posts in years.items():
        yield [Target(resources.archive, (year,))]
        yield list_pages("year", year, f"/archive/{year:04}/", posts, size)


async def _list_rankings(size: int) -> list[Item]:
    """The pages of the rankings behind the first."""
    rankings = {"/popular/": await resources.popular.load(), "/trending/": await resources.trending.load()}
    return [
        f"{path}?page={number}" for path, ids in rankings.items() for number in range(2, -(-len(ids) // size) + 1)
    ]


async def _list_sitemap() -> list[Item]:
    """The parts of the sitemap, to which the index of a large site links."""
    parts = (await resources.sitemap_summary.load()).parts
    return [f"/sitemap-{number}.xml" for number in (LISTS_OF_SITEMAP, *(part.number for part in parts))]


def list_redirects(paths: Iterable[str]) -> Iterator[Item]:
    """The redirects of old paths, and the entries that say that nothing else is there."""
    for path in paths:
        yield Target(resources.redirect, (path,))
        match = PATH_OF_ROW.fullmatch(path)
        if match is not None:
            kind, slug = match.groups()
            term = KINDS.get(kind)
            yield (
                Target(resources.BY_NAME[term], (slug,))
                if term
                else Target(resources.post, ("post" if kind else "page", slug))
            )
        yield encode(path)
