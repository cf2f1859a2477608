"""What there is to warm, straight from the database: a plan made from cache would warm what was, not what is."""

from typing import Any

from django.db.models import Count, F, Q
from django.db.models.functions import TruncMonth
from django.utils import timezone

from content.documents.archive import YEARS
from content.documents.sitemap import KEYS_A_PART
from content.models import Author, Category, Post, PostQuerySet, Tag

PostRow = tuple[int, str, str]
TermRow = tuple[int, str, int]
MonthRow = tuple[int, int, int]


def newest_first() -> PostQuerySet:
    return Post.objects.public(timezone.now()).order_by("-published_at", "-pk")


async def posts() -> list[PostRow]:
    """Id, kind and slug of all that is public, pages included."""
    return [row async for row in newest_first().values_list("pk", "kind", "slug")]


async def posts_by_slug(slug: str) -> list[PostRow]:
    """The public post of that slug, if there is one."""
    return [row async for row in newest_first().posts().filter(slug=slug).values_list("pk", "kind", "slug")]


async def newest_posts(count: int) -> list[PostRow]:
    rows = newest_first().posts().values_list("pk", "kind", "slug")[:count]
    return [row async for row in rows]


async def newest_pages(count: int) -> list[PostRow]:
    rows = newest_first().filter(kind=Post.Kind.PAGE).values_list("pk", "kind", "slug")[:count]
    return [row async for row in rows]


async def most_viewed_posts(count: int) -> list[PostRow]:
    viewed = Post.objects.public(timezone.now()).filter(view_counts__total__gt=0)
    rows = viewed.order_by("-view_counts__heat").values_list("pk", "kind", "slug")[:count]
    return [row async for row in rows]


async def terms(kind: str) -> list[TermRow]:
    """Id, slug and number of public posts of every author, category or tag that has one."""
    models: dict[str, Any] = {"author": Author, "category": Category, "tag": Tag}
    public = Q(posts__in=Post.objects.public(timezone.now()).posts())
    rows = models[kind].objects.annotate(uses=Count("posts", filter=public)).filter(uses__gt=0)
    return [row async for row in rows.order_by("-uses").values_list("pk", "slug", "uses")]


async def months() -> list[MonthRow]:
    """Year, month and number of posts of every month in which something was published."""
    zone = timezone.get_default_timezone()
    by_month = newest_first().posts().annotate(month=TruncMonth("published_at", tzinfo=zone)).order_by("-month")
    rows = by_month.values_list("month").annotate(Count("pk"))
    return [(month.year, month.month, posts) async for month, posts in rows if month.year in YEARS]


async def sitemap_parts() -> list[int]:
    """The numbers of those that have something to tell."""
    numbered = newest_first().annotate(part=F("pk") / KEYS_A_PART + 1).order_by("part")
    return [number async for number in numbered.values_list("part", flat=True).distinct()]


async def post_count() -> int:
    return await Post.objects.public(timezone.now()).posts().acount()
