# ruff: noqa: S608 - no part of these statements comes from outside

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from content.caching import NotThere
from content.documents import RelatedDocument
from content.models import Post
from content.selectors.months import next_publication
from content.selectors.rows import fetch

HOW_MANY = 3
# A shared tag says more than a shared section: sections are few.
WEIGHTS = {"tag": 2, "category": 1}
# Of each tag and category the posts nearest in time, so many on either side. Others are too far away to be looked at.
NEAREST = 12

# One bound a side: of two SQLite would begin at the one that stands first. `at` is never later than now.
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
    # SQLite has no LATERAL; it looks up rows by their keys in a subquery that depends on the row before.
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


async def related(pk: int) -> RelatedDocument:
    """The posts closest to a post by tags and category, then in time: three queries."""
    found = await related_of([pk])
    if pk not in found:
        raise NotThere(f"no post {pk}")
    return found[pk]


async def related_of(pks: Sequence[int]) -> dict[int, RelatedDocument]:
    """As related, for many: three queries."""
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
    for post, other in await closest(wanted, now) if wanted else ():
        ids[post].append(other)
    upcoming = await next_publication(now) if categories else None
    return {
        pk: RelatedDocument(
            ids=tuple(ids[pk]), category=category, tags=tuple(sorted(tags[pk])), next_publication=upcoming
        )
        for pk, category in categories.items()
    }


async def closest(wanted: Sequence[tuple[int, str, int, int, datetime]], now: datetime) -> list[tuple[Any, ...]]:
    vendor = connection.vendor
    sql = CLOSEST.format(
        rows=", ".join([ROW[vendor]] * len(wanted)),
        near=NEAR[vendor],
        distance=DISTANCE[vendor],
        most=HOW_MANY,
    )
    return await fetch(sql, [*(value for row in wanted for value in row), now])
