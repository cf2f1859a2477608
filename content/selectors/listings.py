from datetime import datetime

from django.db.models import Count, Subquery, Window
from django.utils import timezone

from content.caching import NotThere
from content.documents import ListingDocument
from content.models import Post, PostQuerySet

FILTERS = {"all": "", "category": "category", "tag": "tags", "author": "authors"}


def listed(by: str, pk: int) -> PostQuerySet:
    posts = Post.objects.announced().posts()
    return posts.filter(**{FILTERS[by]: pk}) if FILTERS[by] else posts


async def listing(by: str, pk: int, page: int, size: int) -> ListingDocument:
    """One page of a list of posts, newest first: one query, and a second one if the list is empty."""
    now = timezone.now()
    everything = listed(by, pk)
    public = everything.filter(published_at__lte=now).order_by("-published_at", "-pk")
    rows = [
        row
        async for row in public.annotate(total=Window(Count("pk")), upcoming=upcoming(everything, now)).values_list(
            "pk", "total", "upcoming"
        )[(page - 1) * size : page * size]
    ]
    if not rows and page > 1:
        raise NotThere(f"no page {page}", until=await next_publication(everything, now))
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
