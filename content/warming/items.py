"""Items of the catalogue: the entries and the paths of pages that come from a row, or from a list of rows."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from content import resources
from content.documents import MonthCount, PeriodsDocument
from content.resources.lists import POSTS_A_FEED
from content.warming.rows import PostRow, TermRow
from content.warming.targets import SAFE, Target

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


def list_archives(months: Iterable[MonthCount], size: int) -> Iterator[Item]:
    years: Counter[int] = Counter()
    for month in months:
        years[month.year] += month.posts
        yield from list_pages("month", month.year * 100 + month.month, month.url, month.posts, size)
    for year, posts in years.items():
        yield Target(resources.archive, (year,))
        yield from list_pages("year", year, f"/archive/{year:04}/", posts, size)


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
