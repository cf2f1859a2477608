from datetime import datetime

from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone

from content.caching import NotThere
from content.documents import NeighboursDocument
from content.models import Post, PostQuerySet
from content.selectors.listings import listed, upcoming

AT = OuterRef("published_at")
EARLIER = Q(published_at__lt=AT) | Q(published_at=AT, pk__lt=OuterRef("pk"))
LATER = Q(published_at__gt=AT) | Q(published_at=AT, pk__gt=OuterRef("pk"))


async def neighbours(pk: int) -> NeighboursDocument:
    """The posts before and after a post, in the order of the lists: one query."""
    now = timezone.now()
    public = Post.objects.public(now).posts()
    before = public.filter(EARLIER).order_by("-published_at", "-pk")
    after = public.filter(LATER).order_by("published_at", "pk")
    row = await (
        Post.objects.filter(pk=pk)
        .annotate(
            previous=first(before, "pk"),
            previous_at=first(before, "published_at"),
            next=first(after, "pk"),
            next_at=first(after, "published_at"),
            upcoming=upcoming(listed("all", 0), now),
        )
        .values_list("published_at", "previous", "previous_at", "next", "next_at", "upcoming")
        .afirst()
    )
    if row is None or row[0] is None:
        raise NotThere(f"no published post {pk}")
    published_at: datetime = row[0]
    previous, previous_at, following, next_at, next_publication = row[1:]
    return NeighboursDocument(
        previous=previous,
        next=following,
        months=months_between(previous_at or published_at, next_at or published_at),
        next_publication=None if following else next_publication,
    )


def first(posts: PostQuerySet, field: str) -> Subquery:
    return Subquery(posts.values(field)[:1])


def months_between(first: datetime, last: datetime) -> tuple[tuple[int, int], ...]:
    """Each (year, month) from the one to the other, both included, by the site's clock."""
    begin, end = timezone.localtime(first), timezone.localtime(last)
    numbers = range(begin.year * 12 + begin.month - 1, end.year * 12 + end.month)
    return tuple((number // 12, number % 12 + 1) for number in numbers)
