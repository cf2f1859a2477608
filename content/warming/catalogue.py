"""All that can be warmed, read from the database: a plan made from cached values would be out of date."""

from typing import Any

from django.db.models import Count, F, Q
from django.db.models.functions import TruncMonth
from django.utils import timezone

from content.documents import YEARS
from content.documents.site import KEYS_A_PART
from content.models import Author, Category, Post, PostQuerySet, Tag

PostRow = tuple[int, str, str]
TermRow = tuple[int, str, int]
MonthRow = tuple[int, int, int]


def public_posts() -> PostQuerySet:
    return Post.objects.public(timezone.now()).order_by("-published_at", "-pk")


async def load_posts() -> list[PostRow]:
    """Id, kind and slug of all public posts and pages, newest first."""
    return [row async for row in public_posts().values_list("pk", "kind", "slug")]


async def load_post(slug: str) -> list[PostRow]:
    """The public post with that slug, or an empty list."""
    return [row async for row in public_posts().posts().filter(slug=slug).values_list("pk", "kind", "slug")]


async def load_newest_posts(count: int) -> list[PostRow]:
    rows = public_posts().posts().values_list("pk", "kind", "slug")[:count]
    return [row async for row in rows]


async def load_newest_pages(count: int) -> list[PostRow]:
    rows = public_posts().filter(kind=Post.Kind.PAGE).values_list("pk", "kind", "slug")[:count]
    return [row async for row in rows]


async def load_most_viewed_posts(count: int) -> list[PostRow]:
    viewed = Post.objects.public(timezone.now()).filter(view_counts__total__gt=0)
    rows = viewed.order_by("-view_counts__heat").values_list("pk", "kind", "slug")[:count]
    return [row async for row in rows]


async def load_terms(kind: str) -> list[TermRow]:
    """Id, slug and number of public posts of each author, category or tag with posts."""
    models: dict[str, Any] = {"author": Author, "category": Category, "tag": Tag}
    public = Q(posts__in=Post.objects.public(timezone.now()).posts())
    rows = models[kind].objects.annotate(uses=Count("posts", filter=public)).filter(uses__gt=0)
    return [row async for row in rows.order_by("-uses").values_list("pk", "slug", "uses")]


async def load_months() -> list[MonthRow]:
    """Year, month and number of public posts of each month with posts."""
    zone = timezone.get_default_timezone()
    by_month = public_posts().posts().annotate(month=TruncMonth("published_at", tzinfo=zone)).order_by("-month")
    rows = by_month.values_list("month").annotate(Count("pk"))
    return [(month.year, month.month, posts) async for month, posts in rows if month.year in YEARS]


async def load_sitemap_parts() -> list[int]:
    """The numbers of the parts that are not empty."""
    numbered = public_posts().annotate(part=F("pk") / KEYS_A_PART + 1).order_by("part")
    return [number async for number in numbered.values_list("part", flat=True).distinct()]


async def count_posts() -> int:
    return await Post.objects.public(timezone.now()).posts().acount()
