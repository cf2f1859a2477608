"""What there is to warm, straight from the database: a plan made from cache would warm what was, not what is."""

from typing import Any

from django.db.models import Count, Q
from django.utils import timezone

from content.models import Author, Category, Post, PostQuerySet, Tag

PostRow = tuple[int, str, str]
TermRow = tuple[int, str, int]


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


async def post_count() -> int:
    return await Post.objects.public(timezone.now()).posts().acount()
