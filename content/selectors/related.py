from datetime import datetime
from typing import Any

from django.db.models import Case, Count, DurationField, ExpressionWrapper, F, IntegerField, Q, Value, When
from django.utils import timezone

from content.caching import NotThere
from content.documents import RelatedDocument
from content.models import Post, PostQuerySet
from content.selectors.listings import listed, upcoming

HOW_MANY = 3
# A shared tag says more than a shared section: sections are few.
TAG_COUNTS = 2


async def related(pk: int) -> RelatedDocument:
    """The posts closest to a post by tags and category, then in time: two queries."""
    now = timezone.now()
    rows = [
        row
        async for row in Post.objects.filter(pk=pk)
        .annotate(upcoming=upcoming(listed("all", 0), now))
        .values_list("category", "published_at", "upcoming", "tags")
    ]
    if not rows:
        raise NotThere(f"no post {pk}")
    category, published_at, next_publication, _ = rows[0]
    tags = tuple(sorted(row[3] for row in rows if row[3] is not None))
    ids: tuple[int, ...] = ()
    if category or tags:
        near = closest(Post.objects.public(now).posts().exclude(pk=pk), category, tags, published_at or now)
        ids = tuple([row async for row in near.values_list("pk", flat=True)[:HOW_MANY]])
    return RelatedDocument(ids=ids, category=category, tags=tags, next_publication=next_publication)


def closest(posts: PostQuerySet, category: int | None, tags: tuple[int, ...], at: datetime) -> PostQuerySet:
    sharing = posts.filter(Q(tags__in=tags) | Q(category=category)) if category else posts.filter(tags__in=tags)
    same_section = Case(When(category=category, then=1), default=0) if category else Value(0)
    shared = Count("tags", filter=Q(tags__in=tags), distinct=True)
    return sharing.annotate(
        closeness=shared * Value(TAG_COUNTS) + ExpressionWrapper(same_section, output_field=IntegerField()),
        distance=Case(
            When(published_at__gt=at, then=between(F("published_at"), Value(at))),
            default=between(Value(at), F("published_at")),
        ),
    ).order_by("-closeness", "distance", "-pk")


def between(later: Any, earlier: Any) -> "ExpressionWrapper[Any]":
    return ExpressionWrapper(later - earlier, output_field=DurationField())
