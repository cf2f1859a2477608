"""The catalogue: everything that readers can ask for, most useful first, in chunks of bounded size.

Entries and pages are derived from rows, so that a site of any size needs the memory of one chunk. The catalogue has
each address that the site links to, and no address that responds 404.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

import msgspec

from content import resources
from content.documents import ALL_YEARS, YEARS
from content.documents.site import LISTS as LISTS_OF_SITEMAP
from content.warming import rows
from content.warming.items import (
    FIXED_PATHS,
    ON_EVERY_PAGE,
    TERM_PATHS,
    Item,
    list_archives,
    list_feed,
    list_pages,
    list_posts,
    list_redirects,
    list_term,
    list_windows,
)
from content.warming.rows import Key, PostRow
from content.warming.targets import Target

# Entries and pages in a chunk: those of the posts in one batch of a loader, with room.
CHUNK = 4_000
NEWEST = 20
MOST_VIEWED = 50

# How far a reader of the catalogue has come: the name of a section, and the key of its last row.
Cursor = Key
# Items, and how far one has come behind them.
Group = tuple[Cursor, Iterable[Item]]
# Posts a page, and a key.
Section = Callable[[int, Key], AsyncIterator[Group]]
HOT = "hot"
# The key of a section of one group.
DONE: Key = ("done",)


class HotPosts(msgspec.Struct, frozen=True):
    """Ids of the posts in the first chunk, and of those whose cards are. They leave out what comes in later chunks.

    One who goes on in the catalogue after a while gives those of the beginning: a post that became popular since then
    would be left out, and was not in the first chunk.
    """

    posts: tuple[int, ...] = ()
    cards: tuple[int, ...] = ()


@dataclass(frozen=True)
class Chunk:
    """A part of the catalogue: entries, and the paths of pages with their queries, encoded as in a request.

    `is_hot`: what most readers ask for. Its pages are made at once; the pages of other chunks may show entries of
    later chunks, and are cheapest to make after all entries.
    `cursor`: all that comes before it, and nothing else, is in this chunk and in earlier ones; empty for a chunk that
    ends in the middle of a group.
    """

    entries: list[Target] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    is_hot: bool = False
    cursor: Cursor = ()

    @classmethod
    def of(cls, items: Iterable[Item], *, is_hot: bool = False, cursor: Cursor = ()) -> "Chunk":
        chunk = cls(is_hot=is_hot, cursor=cursor)
        for item in dict.fromkeys(items):
            if isinstance(item, str):
                chunk.paths.append(item)
            else:
                chunk.entries.append(item)
        return chunk


async def catalogue(size: int = CHUNK, *, hot: HotPosts | None = None, after: Cursor = ()) -> AsyncIterator[Chunk]:
    """All entries and pages of the site, each once, in chunks of at most `size`; the first may be larger.

    It reads the database in batches of 500 rows while it is iterated over. `after`: go on behind that cursor; rows
    that have come or gone since then move no other. Raises LookupError or ValueError for a cursor that is none.
    """
    popular = await list_hot(hot or await choose_hot())
    if not after:
        yield Chunk.of(popular, is_hot=True, cursor=(HOT,))
    seen, items, reached = frozenset(popular), list[Item](), after or (HOT,)
    async for cursor, group in _list_rest(reached):
        is_cut, reached = False, cursor
        for item in group:
            if item in seen:
                continue
            if len(items) >= size:
                yield Chunk.of(items)
                is_cut, items = True, []
            items.append(item)
        if items and (is_cut or len(items) >= size // 2):
            yield Chunk.of(items, cursor=reached)
            items = []
    if items:
        yield Chunk.of(items, cursor=reached)


async def choose_hot() -> HotPosts:
    """The newest 20 posts and the most viewed, and the cards of the newest.

    Those that popular posts show as related are mostly among them.
    """
    newest = [pk for pk, _, _ in await rows.newest_posts(rows.ROWS)]
    viewed = [pk for pk, _, _ in await rows.most_viewed_posts(MOST_VIEWED)]
    return HotPosts(tuple(dict.fromkeys(newest[:NEWEST] + viewed)), tuple(newest))


async def list_hot(hot: HotPosts) -> list[Item]:
    items = await list_around(await rows.posts_by_pk(hot.posts))
    return [*items, *(Target(resources.post_card, (pk,)) for pk in hot.cards)]


async def list_popular(top: int = MOST_VIEWED) -> list[Item]:
    """The entries of every page, the fixed pages, the newest 20 posts, and the `top` most viewed."""
    return await list_around([*await rows.newest_posts(NEWEST), *await rows.most_viewed_posts(top)])


async def list_around(posts: Iterable[PostRow]) -> list[Item]:
    """The entries of every page, the fixed pages, and those posts."""
    size = await rows.posts_per_page()
    return [
        *(Target(resource) for resource in ON_EVERY_PAGE),
        Target(resources.listing, ("all", 0, 1, size)),
        *await list_fixed_entries(),
        *FIXED_PATHS,
        *list_posts(posts),
    ]


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


async def _list_rest(after: Cursor) -> AsyncIterator[Group]:
    """Groups of items behind that cursor, each lazy: one list may have as many pages as the site has posts."""
    size = await rows.posts_per_page()
    name, key = str(after[0]), after[1:]
    names = list(SECTIONS)
    for each in names if name == HOT else names[names.index(name) :]:
        async for reached, items in SECTIONS[each](size, key if each == name else ()):
            yield (each, *reached), items


async def _list_posts(size: int, after: Key) -> AsyncIterator[Group]:
    async for key, posts in rows.posts(after):
        yield key, list_posts(posts)


async def _list_front(size: int, after: Key) -> AsyncIterator[Group]:
    total = sum(period.posts for period in (await rows.periods_of([("all", 0)]))["all", 0].periods)
    yield DONE, list_pages("all", 0, "/", total, size)


async def _list_terms(kind: str, size: int, after: Key) -> AsyncIterator[Group]:
    async for terms in rows.terms(kind, *map(int, after)):
        periods = await rows.periods_of([(kind, pk) for pk, _ in terms])
        each = (list_term(kind, term, periods[kind, term[0]], size) for term in terms)
        yield (terms[-1][0],), chain.from_iterable(each)


async def _list_redirects(size: int, after: Key) -> AsyncIterator[Group]:
    async for paths in rows.old_paths(*map(int, after)):
        yield (paths[-1][0],), list_redirects(path for _, path in paths)


async def _list_archives(size: int, after: Key) -> AsyncIterator[Group]:
    months = [month for month in await rows.months() if month.year in YEARS]
    yield DONE, list_archives(months, size)


async def _list_rankings(size: int, after: Key) -> AsyncIterator[Group]:
    """The pages of the rankings behind the first."""
    rankings = {"/popular/": await resources.popular.load(), "/trending/": await resources.trending.load()}
    yield (
        DONE,
        [f"{path}?page={number}" for path, ids in rankings.items() for number in range(2, -(-len(ids) // size) + 1)],
    )


async def _list_sitemap(size: int, after: Key) -> AsyncIterator[Group]:
    """The parts of the sitemap, to which the index of a large site links."""
    parts = (await resources.sitemap_summary.load()).parts
    yield DONE, [f"/sitemap-{number}.xml" for number in (LISTS_OF_SITEMAP, *(part.number for part in parts))]


def unless_done(section: Section) -> Section:
    """Make a section that lists one group list it once."""

    async def list_unless_done(size: int, after: Key) -> AsyncIterator[Group]:
        if after != DONE:
            async for group in section(size, after):
                yield group

    return list_unless_done


# Sections by name, which cursors have. A section lists its groups behind a key.
SECTIONS: dict[str, Section] = {
    "posts": _list_posts,
    "front": unless_done(_list_front),
    **{kind: partial(_list_terms, kind) for kind in TERM_PATHS},
    "archives": unless_done(_list_archives),
    "rankings": unless_done(_list_rankings),
    "sitemap": unless_done(_list_sitemap),
    "redirects": _list_redirects,
}
