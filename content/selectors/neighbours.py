from collections.abc import Sequence
from datetime import datetime

from django.db import connection
from django.utils import timezone

from content.caching import NotThere
from content.documents import NeighboursDocument
from content.models import ListedPost
from content.selectors.months import next_publication
from content.selectors.rows import fetch, moment

LISTED = "SELECT l.post_id FROM content_listedpost l WHERE l.kind = 'all' AND l.term = 0"
# Rows are compared as wholes: a range of the index, whatever stands at the same moment. One bound a side: of two
# SQLite would begin at the one that stands first.
NEIGHBOURS = f"""
SELECT p.id, p.published_at,
    ({LISTED} AND (l.published_at, l.post_id) < ({{earlier}}(p.published_at, %s), p.id)
     ORDER BY l.published_at DESC, l.post_id DESC LIMIT 1),
    ({LISTED} AND (l.published_at, l.post_id) > (p.published_at, p.id) AND l.published_at <= %s
     ORDER BY l.published_at, l.post_id LIMIT 1)
FROM content_post p WHERE p.published_at IS NOT NULL AND p.id IN ({{pks}})
"""  # noqa: S608
EARLIER = {"postgresql": "LEAST", "sqlite": "MIN"}


async def neighbours(pk: int) -> NeighboursDocument:
    """The posts before and after a post, in the order of the lists: three queries at most."""
    found = await neighbours_of([pk])
    if pk not in found:
        raise NotThere(f"no published post {pk}")
    return found[pk]


async def neighbours_of(pks: Sequence[int]) -> dict[int, NeighboursDocument]:
    """As neighbours, for many: three queries at most."""
    now = timezone.now()
    sql = NEIGHBOURS.format(earlier=EARLIER[connection.vendor], pks=", ".join(["%s"] * len(pks)))
    rows = await fetch(sql, [now, now, *pks])
    beside = {pk for _, _, *both in rows for pk in both if pk is not None}
    listed = ListedPost.objects.of("all", 0).filter(post__in=beside).values_list("post_id", "published_at")
    times: dict[int, datetime] = {pk: at async for pk, at in listed} if beside else {}
    upcoming = await next_publication(now) if any(row[3] is None for row in rows) else None
    documents = {}
    for pk, at, previous, following in rows:
        own = moment(at) or now
        documents[pk] = NeighboursDocument(
            previous=previous,
            next=following,
            months=months_between(times.get(previous, own), times.get(following, own)),
            next_publication=None if following else upcoming,
        )
    return documents


def months_between(first: datetime, last: datetime) -> tuple[tuple[int, int], ...]:
    """Each (year, month) from the one to the other, both included, by the site's clock."""
    begin, end = timezone.localtime(first), timezone.localtime(last)
    numbers = range(begin.year * 12 + begin.month - 1, end.year * 12 + end.month)
    return tuple((number // 12, number % 12 + 1) for number in numbers)
