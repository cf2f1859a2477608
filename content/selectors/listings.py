from datetime import datetime
from typing import Any

from django.db.models import Count, Subquery, Window
from django.utils import timezone

from content.caching import NotThere
from content.documents import ListingDocument
from content.models import Post, PostQuerySet
from content.selectors.calendar import month_span, year_span

FILTERS = {"category": "category", "tag": "tags", "author": "authors"}
# Lists that exist only while something is in them.
BY_TIME = ("year", "month")


def listed(by: str, pk: int) -> PostQuerySet:
    """All that a list shows or will show at its time. pk: of a year as 2018, of a month as 201805, of all 0."""
    return Post.objects.announced().posts().filter(**wanted(by, pk))


def wanted(by: str, pk: int) -> dict[str, Any]:
    if by == "all":
        return {}
    if by in BY_TIME:
        since, until = month_span(pk) if by == "month" else year_span(pk)
        return {"published_at__gte": since, "published_at__lt": until}
    return {FILTERS[by]: pk}


async def listing(by: str, pk: int, page: int, size: int) -> ListingDocument:
    """One page of a list of posts, newest first: one query, and a second one if the list is empty.

    An empty list has one page, which says so; an empty year or month is not there.
    """
    now = timezone.now()
    everything = listed(by, pk)
    public = everything.filter(published_at__lte=now).order_by("-published_at", "-pk")
    rows = [
        row
        async for row in public.annotate(total=Window(Count("pk")), upcoming=upcoming(everything, now)).values_list(
            "pk", "total", "upcoming"
        )[(page - 1) * size : page * size]
    ]
    if not rows and (page > 1 or by in BY_TIME):
        raise NotThere(f"no page {page} of {by} {pk}", until=await next_publication(everything, now))
    total = rows[0][1] if rows else 0
    return ListingDocument(
        ids=tuple(row[0] for row in rows),
        page=page,
        pages=max(1, -(-total // size)),
        total=total,
        next_publication=rows[0][2] if rows else await next_publication(everything, now),
    )


def upcoming(posts: PostQuerySet, now: datetime) -> Subquery:
    """The time of the next scheduled post, as a column."""
    future = posts.filter(published_at__gt=now).order_by("published_at")
    return Subquery(future.values("published_at")[:1])


async def next_publication(posts: PostQuerySet, now: datetime) -> datetime | None:
    future = posts.filter(published_at__gt=now).order_by("published_at")
    return await future.values_list("published_at", flat=True).afirst()
