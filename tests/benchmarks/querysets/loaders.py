"""The site's documents by plain querysets, for caches of querysets. They see neither raw SQL nor the tables that
triggers fill.

No queryset names the present time: it would be another query each time. All published posts must be of the past.
Related rows are prefetched, not joined: django-cacheops sees no change of a joined row.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone

from content.caching import NotThere
from content.documents import (
    ALL_YEARS,
    ArchiveDocument,
    ListingDocument,
    MonthCount,
    NeighboursDocument,
    PostCard,
    PostDocument,
    RelatedDocument,
    SidebarDocument,
)
from content.models import Category, Post, PostQuerySet, Tag
from content.rendering import reading_minutes
from content.selectors.list_counts import month_span, year_span
from content.selectors.lists import MOST_RANKED
from content.selectors.posts import FetchedPost, make_cover, make_documents
from content.selectors.related import MOST_RELATED
from content.selectors.terms import (
    MOST_CATEGORIES,
    MOST_TAGS,
    author_document,
    category_document,
    tag_document,
    term_count,
)

SHOWN = ("category", "cover", "tags", "authorships__author")


def public() -> PostQuerySet:
    return Post.objects.filter(status="published", password="")


async def load_post(kind: str, slug: str) -> PostDocument:
    async for post in public().filter(kind=kind, slug=slug).prefetch_related(*SHOWN):
        texts = (post.html, post.text, post.comments_open, post.updated_at)
        return (await make_documents([FetchedPost(card_of(post), kind, texts)]))[0]
    raise NotThere(f"no {kind} {slug!r}")


async def load_posts(keys: Iterable[Any]) -> dict[tuple[str, str], PostDocument]:
    """As the pages of these posts load them: each is cached once for both."""
    return {(kind, slug): await load_post(kind, slug) for kind, slug in keys}


async def load_cards(pks: Sequence[int]) -> dict[int, PostCard]:
    posts = public().filter(pk__in=pks).prefetch_related(*SHOWN)
    return {post.pk: card_of(post) async for post in posts}


def card_of(post: Post) -> PostCard:
    cover = post.cover
    tags = sorted(post.tags.all(), key=lambda tag: (tag.name, tag.pk))
    return PostCard(
        id=post.pk,
        url=post.get_absolute_url(),
        title=post.title,
        excerpt=post.excerpt or post.beginning,
        published_at=post.published_at or timezone.now(),
        language=post.language,
        reading_minutes=reading_minutes(post.word_count),
        cover=make_cover(cover.pk, cover.file.name or "", post.cover_alt or cover.alt_text, cover.width, cover.height)
        if cover
        else None,
        authors=tuple(author_document(each.author) for each in post.authorships.all()),
        category=category_document(post.category) if post.category else None,
        tags=tuple(map(tag_document, tags)),
    )


def list_of(by: str, pk: int) -> PostQuerySet:
    posts = public().posts()
    match by:
        case "category":
            return posts.filter(category=pk)
        case "tag":
            return posts.filter(tags=pk)
        case "author":
            return posts.filter(authors=pk)
        case "year" | "month":
            since, until = year_span(pk) if by == "year" else month_span(pk)
            return posts.filter(published_at__gte=since, published_at__lt=until)
    return posts


async def load_listing(by: str, pk: int, page: int, size: int) -> ListingDocument:
    posts, first = list_of(by, pk), (page - 1) * size
    ids = [each async for each in posts.values_list("pk", flat=True)[first : first + size]]
    total = await posts.acount()
    return ListingDocument(ids=tuple(ids), page=page, pages=max(1, -(-total // size)), total=total)


async def load_popular() -> tuple[int, ...]:
    return await rank("-view_counts__total", view_counts__total__gt=0)


async def load_trending() -> tuple[int, ...]:
    """All views of the benchmark came within the last day."""
    return await rank("-view_counts__heat", view_counts__heat__gt=0)


async def rank(order: str, **condition: Any) -> tuple[int, ...]:
    ranked = public().posts().filter(**condition).order_by(order, "-published_at")
    return tuple([pk async for pk in ranked.values_list("pk", flat=True)[:MOST_RANKED]])


async def load_related(pk: int) -> RelatedDocument:
    """The posts with the most tags in common, the newest first; then those of the same category."""
    post = await public().prefetch_related("tags").aget(pk=pk)
    tags = sorted(tag.pk for tag in post.tags.all())
    others = public().posts().exclude(pk=pk)
    shared = Count("tags", filter=Q(tags__in=tags), distinct=True)
    closest = others.filter(Q(tags__in=tags) | Q(category=post.category_id)).annotate(shared=shared)
    ids = closest.order_by("-shared", "-published_at", "-pk").values_list("pk", flat=True)[:MOST_RELATED]
    return RelatedDocument(ids=tuple([each async for each in ids]), category=post.category_id, tags=tuple(tags))


async def load_neighbours(pk: int) -> NeighboursDocument:
    at = await public().values_list("published_at", flat=True).aget(pk=pk)
    earlier = Q(published_at__lt=at) | Q(published_at=at, pk__lt=pk)
    later = Q(published_at__gt=at) | Q(published_at=at, pk__gt=pk)
    ids = public().posts().values_list("pk", flat=True)
    return NeighboursDocument(
        previous=await ids.filter(earlier).afirst(),
        next=await ids.filter(later).order_by("published_at", "pk").afirst(),
    )


async def load_sidebar() -> SidebarDocument:
    is_public = Q(posts__status="published", posts__password="", posts__kind="post")
    counts = Count("posts", filter=is_public)
    categories = Category.objects.annotate(uses=counts).filter(uses__gt=0).order_by("name", "pk")
    tags = Tag.objects.annotate(uses=counts).filter(uses__gt=0).order_by("-uses", "name", "pk")
    return SidebarDocument(
        categories=tuple([term_count(each, each.uses) async for each in categories[:MOST_CATEGORIES]]),
        tags=tuple([term_count(each, each.uses) async for each in tags[:MOST_TAGS]]),
    )


async def load_archive(year: int) -> ArchiveDocument:
    posts = public().posts() if year == ALL_YEARS else list_of("year", year)
    times: dict[tuple[int, int], list[datetime]] = defaultdict(list)
    async for at in posts.values_list("published_at", flat=True):
        if at is not None:
            local = timezone.localtime(at)
            times[local.year, local.month].append(at)
    return ArchiveDocument(tuple(MonthCount(*month, len(each), each[0]) for month, each in times.items()))


# Loaders by the name of the resource. Loaders of other resources are querysets already.
LOADERS: Mapping[str, Callable[..., Awaitable[Any]]] = {
    "post": load_post,
    "listing": load_listing,
    "popular": load_popular,
    "trending": load_trending,
    "related": load_related,
    "neighbours": load_neighbours,
    "sidebar": load_sidebar,
    "archive": load_archive,
}
