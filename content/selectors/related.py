"""Posts that a post leads on to: the closest by tags and category, and its neighbours in time."""

# ruff: noqa: S608 - all parts of these statements are constants

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.db import connection
from django.utils import timezone

from content.caching import NotThere
from content.documents import NeighboursDocument, RelatedDocument
from content.models import ListedPost, Post
from content.selectors.list_counts import next_publication
from content.selectors.sql import fetch, parse_moment

MOST_RELATED = 3
# A shared tag says more than a shared category: categories are few.
WEIGHTS = {"tag": 2, "category": 1}
# The posts that are compared: for each tag and category this many on either side in time.
NEAREST = 12
# Post, kind, term, weight, and the time of the post.
Wanted = tuple[int, str, int, int, datetime]
# Rows in one statement: SQLite takes 32,766 parameters, and a row has five.
MOST_WANTED = 6_000

# One bound a side: with two, SQLite begins at the first one. `at` is never later than now.
EARLIER = "l.kind = w.kind AND l.term = w.term AND l.published_at <= w.at"
LATER = "l.kind = w.kind AND l.term = w.term AND l.published_at > w.at AND l.published_at <= %s"
# The post itself is among the earlier ones.
BACKWARDS = f"ORDER BY l.published_at DESC, l.post_id DESC LIMIT {NEAREST + 1}"
FORWARDS = f"ORDER BY l.published_at, l.post_id LIMIT {NEAREST}"
SIDES = ((EARLIER, BACKWARDS), (LATER, FORWARDS))
NEAR = {
    "postgresql": " UNION ALL ".join(
        f"SELECT w.post, w.at, w.weight, c.post_id, c.published_at FROM wanted w CROSS JOIN LATERAL ("
        f"SELECT l.post_id, l.published_at FROM content_listedpost l WHERE {condition} {order}) c"
        for condition, order in SIDES
    ),
    # SQLite has no LATERAL. It looks up the keys that a correlated subquery selects.
    "sqlite": " UNION ALL ".join(
        f"SELECT w.post, w.at, w.weight, c.post_id, c.published_at FROM wanted w CROSS JOIN content_listedpost c"
        f" ON c.id IN (SELECT l.id FROM content_listedpost l WHERE {condition} {order})"
        for condition, order in SIDES
    ),
}
DISTANCE = {
    "postgresql": "abs(extract(epoch FROM published_at - at))",
    "sqlite": "abs(julianday(published_at) - julianday(at))",
}
ROW = {"postgresql": "(%s::bigint, %s, %s::bigint, %s::integer, %s::timestamptz)", "sqlite": "(%s, %s, %s, %s, %s)"}
CLOSEST = """
WITH wanted(post, kind, term, weight, at) AS (VALUES {rows}),
near AS ({near}),
scored AS (
    SELECT post, post_id, sum(weight) AS closeness, min({distance}) AS distance FROM near
    WHERE post_id <> post GROUP BY post, post_id
),
ranked AS (
    SELECT post, post_id,
        row_number() OVER (PARTITION BY post ORDER BY closeness DESC, distance, post_id DESC) AS place
    FROM scored
)
SELECT post, post_id FROM ranked WHERE place <= {most} ORDER BY post, place
"""

EVERY_POST = "SELECT l.post_id FROM content_listedpost l WHERE l.kind = 'all' AND l.term = 0"
# Whole rows are compared: a range of the index, even for posts of the same moment. One bound a side, as above.
NEIGHBOURS = f"""
SELECT p.id, p.published_at,
    ({EVERY_POST} AND (l.published_at, l.post_id) < ({{least}}(p.published_at, %s), p.id)
     ORDER BY l.published_at DESC, l.post_id DESC LIMIT 1),
    ({EVERY_POST} AND (l.published_at, l.post_id) > (p.published_at, p.id) AND l.published_at <= %s
     ORDER BY l.published_at, l.post_id LIMIT 1)
FROM content_post p WHERE p.published_at IS NOT NULL AND p.id IN ({{pks}})
"""
LEAST = {"postgresql": "LEAST", "sqlite": "MIN"}


async def load_related(pk: int) -> RelatedDocument:
    """The posts closest to a post by tags and category, then in time: three queries."""
    documents = await load_many_related([pk])
    if pk not in documents:
        raise NotThere(f"no post {pk}")
    return documents[pk]


async def load_many_related(pks: Sequence[int]) -> dict[int, RelatedDocument]:
    """Like load_related, for many posts: three queries."""
    now = timezone.now()
    categories: dict[int, int | None] = {}
    times: dict[int, datetime] = {}
    tags: dict[int, list[int]] = defaultdict(list)
    rows = Post.objects.filter(pk__in=pks).order_by().values_list("pk", "category", "published_at", "tags")
    async for pk, category, published_at, tag in rows:
        categories[pk], times[pk] = category, min(published_at or now, now)
        if tag is not None:
            tags[pk].append(tag)
    wanted = [(pk, "tag", tag, WEIGHTS["tag"], times[pk]) for pk, each in tags.items() for tag in each]
    wanted += [(pk, "category", term, WEIGHTS["category"], times[pk]) for pk, term in categories.items() if term]
    ids: dict[int, list[int]] = defaultdict(list)
    for rows_of_some in split_by_post(wanted):
        for post, other in await find_closest(rows_of_some, now):
            ids[post].append(other)
    upcoming = await next_publication(now) if categories else None
    return {
        pk: RelatedDocument(
            ids=tuple(ids[pk]), category=category, tags=tuple(sorted(tags[pk])), next_publication=upcoming
        )
        for pk, category in categories.items()
    }


def split_by_post(wanted: Iterable[Wanted]) -> Iterator[list[Wanted]]:
    """Each post's rows in one statement, which has few enough parameters for any database."""
    some: list[Wanted] = []
    for _, group in groupby(sorted(wanted, key=itemgetter(0)), key=itemgetter(0)):
        rows = list(group)
        if some and len(some) + len(rows) > MOST_WANTED:
            yield some
            some = []
        some += rows
    if some:
        yield some


async def find_closest(wanted: Sequence[Wanted], now: datetime) -> list[tuple[Any, ...]]:
    vendor = connection.vendor
    sql = CLOSEST.format(
        rows=", ".join([ROW[vendor]] * len(wanted)),
        near=NEAR[vendor],
        distance=DISTANCE[vendor],
        most=MOST_RELATED,
    )
    return await fetch(sql, [*(value for row in wanted for value in row), now])


async def load_neighbours(pk: int) -> NeighboursDocument:
    """The posts before and after a post, in the order of lists: three queries at most."""
    documents = await load_many_neighbours([pk])
    if pk not in documents:
        raise NotThere(f"no published post {pk}")
    return documents[pk]


async def load_many_neighbours(pks: Sequence[int]) -> dict[int, NeighboursDocument]:
    """Like load_neighbours, for many posts: three queries at most."""
    now = timezone.now()
    sql = NEIGHBOURS.format(least=LEAST[connection.vendor], pks=", ".join(["%s"] * len(pks)))
    rows = await fetch(sql, [now, now, *pks])
    beside = {pk for _, _, *both in rows for pk in both if pk is not None}
    listed = ListedPost.objects.of("all", 0).filter(post__in=beside).values_list("post_id", "published_at")
    times: dict[int, datetime] = {pk: at async for pk, at in listed} if beside else {}
    upcoming = await next_publication(now) if any(row[3] is None for row in rows) else None
    documents = {}
    for pk, at, previous, following in rows:
        own = parse_moment(at) or now
        documents[pk] = NeighboursDocument(
            previous=previous,
            next=following,
            months=months_between(times.get(previous, own), times.get(following, own)),
            next_publication=None if following else upcoming,
        )
    return documents


def months_between(first: datetime, last: datetime) -> tuple[tuple[int, int], ...]:
    """Each (year, month) from the first to the last, both included, by the site's time zone."""
    begin, end = timezone.localtime(first), timezone.localtime(last)
    numbers = range(begin.year * 12 + begin.month - 1, end.year * 12 + end.month)
    return tuple((number // 12, number % 12 + 1) for number in numbers)
