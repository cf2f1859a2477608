"""Rows of the database that the catalogue is derived from, a bounded batch at a time, by keys and not by offsets.

They are read past the cache: a catalogue made of cached values would be out of date.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Model, Q
from django.utils import timezone

from content import resources
from content.documents import ALL_YEARS, DirectoryIndex, MonthCount, PeriodsDocument
from content.models import Author, Category, ListedPost, Post, Redirect, Tag

ROWS = 500

# Id, kind and slug.
PostRow = tuple[int, str, str]
# Id and slug.
TermRow = tuple[int, str]
# by, pk: as the resource `periods` takes them.
List = tuple[str, int]
# The values of a batch's last row, behind which another process can go on. JSON has these types.
Key = tuple[str | int, ...]

MODELS: dict[str, type[Model]] = {"author": Author, "category": Category, "tag": Tag}
# Kinds of lists that have each public post and page once.
LISTED = ("all", "pages")


async def posts(after: Key = ()) -> AsyncIterator[tuple[Key, list[PostRow]]]:
    """All public posts, newest first, and then all public pages, in batches with their keys. `after`: such a key."""
    now = timezone.now()
    first, last = (str(after[0]), _parse_moment(after)) if after else (LISTED[0], None)
    for kind in LISTED[LISTED.index(first) :]:
        while True:
            rows = await _load_listed(kind, now, last)
            if rows:
                last = rows[-1][:2]
                yield (kind, last[0].isoformat(), last[1]), [(pk, kind, slug) for _, pk, kind, slug in rows]
            if len(rows) < ROWS:
                break
        last = None


def _parse_moment(key: Key) -> tuple[datetime, int]:
    """Raises ValueError."""
    _, moment, pk = key
    return datetime.fromisoformat(str(moment)), int(pk)


async def _load_listed(
    kind: str, now: datetime, last: tuple[datetime, int] | None
) -> list[tuple[datetime, int, str, str]]:
    listed = ListedPost.objects.of(kind, 0).public(now).newest_first()
    if last is not None:
        at, pk = last
        # The first condition is the range of the index; the second leaves out the rows of the same moment.
        listed = listed.filter(published_at__lte=at).filter(Q(published_at__lt=at) | Q(post_id__lt=pk))
    return [row async for row in listed.values_list("published_at", "post_id", "post__kind", "post__slug")[:ROWS]]


async def newest_posts(count: int, kind: str = "post") -> list[PostRow]:
    """kind: post or page."""
    public = Post.objects.public(timezone.now()).filter(kind=kind).order_by("-published_at", "-pk")
    return [row async for row in public.values_list("pk", "kind", "slug")[:count]]


async def most_viewed_posts(count: int) -> list[PostRow]:
    viewed = Post.objects.public(timezone.now()).filter(view_counts__total__gt=0)
    rows = viewed.order_by("-view_counts__heat").values_list("pk", "kind", "slug")[:count]
    return [row async for row in rows]


async def posts_by_pk(pks: Sequence[int]) -> list[PostRow]:
    """Those of them that are public, in their order."""
    rows = Post.objects.public(timezone.now()).filter(pk__in=pks).values_list("pk", "kind", "slug")
    known = {row[0]: row async for row in rows}
    return [known[pk] for pk in pks if pk in known]


async def post_by_slug(slug: str, kind: str = "post") -> list[PostRow]:
    """The public post (or page) with that slug, or an empty list."""
    rows = Post.objects.public(timezone.now()).filter(kind=kind, slug=slug)
    return [row async for row in rows.values_list("pk", "kind", "slug")]


def terms(kind: str, after: int = 0) -> AsyncIterator[list[TermRow]]:
    """All authors, categories or tags, also those without posts: they have pages. `after`: behind that id."""
    return _by_key(MODELS[kind], "slug", after)


def old_paths(after: int = 0) -> AsyncIterator[list[tuple[int, str]]]:
    """Ids and paths of all redirects behind that id."""
    return _by_key(Redirect, "old_path", after)


async def is_old_path(path: str) -> bool:
    return await Redirect.objects.filter(old_path=path).aexists()


async def _by_key(model: type[Model], column: str, last: int) -> AsyncIterator[list[tuple[int, str]]]:
    while True:
        found: Any = model._default_manager.filter(pk__gt=last).order_by("pk").values_list("pk", column)[:ROWS]
        rows: list[tuple[int, str]] = [row async for row in found]
        if rows:
            yield rows
        if len(rows) < ROWS:
            return
        last = rows[-1][0]


async def periods_of(lists: Sequence[List]) -> Mapping[List, PeriodsDocument]:
    """The periods of each list, with their numbers of public posts: one query."""
    return await resources.periods.load_many(lists) if resources.periods.load_many else {}


async def directories() -> Mapping[str, DirectoryIndex]:
    """The parts of the directories of authors, categories and tags: one query."""
    return await resources.directory_index.load_many(list(MODELS)) if resources.directory_index.load_many else {}


async def posts_per_page() -> int:
    return (await resources.site.load()).posts_per_page


async def months() -> Sequence[MonthCount]:
    """Each month with public posts, newest first."""
    return (await resources.archive.load(ALL_YEARS)).months
