"""What search engines are told of. Posts and pages by ranges of their keys: one query a part, however many."""

from typing import Any

from django.db.models import Count, F, Max, Q
from django.db.models.functions import Greatest
from django.utils import timezone

from content.documents import PartSummary, SitemapEntry, SitemapPart, SitemapSummary
from content.documents import sitemap as parts
from content.models import Author, Category, Post, PostQuerySet, Tag
from content.selectors.listings import next_publication

# Of each kind: what has most posts first. With the archive they fit into one file.
MOST_TERMS = 10_000
TERMS: tuple[Any, ...] = (Category, Tag, Author)
# What was written before its time came to readers as a change at that time.
CHANGED_AT = Greatest("updated_at", "published_at")


async def summary() -> SitemapSummary:
    """Two queries: one pass over all posts and pages, and the next scheduled one."""
    now = timezone.now()
    announced = Post.objects.announced()
    numbered = announced.filter(published_at__lte=now).annotate(part=F("pk") / parts.KEYS_A_PART + 1)
    rows = numbered.order_by("part").values_list("part").annotate(paths=Count("pk"), changed_at=Max(CHANGED_AT))
    return SitemapSummary(
        parts=tuple([PartSummary(*row) async for row in rows]),
        next_publication=await next_publication(announced, now),
    )


async def part(number: int) -> SitemapPart:
    """One query, by primary key."""
    now = timezone.now()
    fields = keys_of(number).only("pk", "kind", "slug", "published_at")
    rows: Any = fields.annotate(changed_at=CHANGED_AT).order_by("pk")
    entries, upcoming = [], []
    async for post in rows.aiterator(chunk_size=2000):
        if post.published_at > now:
            upcoming.append(post.published_at)
        else:
            entries.append(SitemapEntry(post.get_absolute_url(), post.changed_at))
    return SitemapPart(entries=tuple(entries), next_publication=min(upcoming, default=None))


def keys_of(number: int) -> PostQuerySet:
    last = number * parts.KEYS_A_PART
    return Post.objects.announced().filter(pk__gte=last - parts.KEYS_A_PART, pk__lt=last)


async def terms() -> SitemapPart:
    """Categories, tags and authors with public posts, and when the newest of these was published: four queries."""
    now = timezone.now()
    public = Q(posts__in=Post.objects.public(now).posts())
    entries = [
        SitemapEntry(row.get_absolute_url(), row.newest)
        for model in TERMS
        async for row in model.objects.filter(public)
        .annotate(uses=Count("posts"), newest=Max("posts__published_at"))
        .order_by("-uses", "pk")[:MOST_TERMS]
    ]
    upcoming = await next_publication(Post.objects.announced().posts(), now)
    return SitemapPart(entries=tuple(entries), next_publication=upcoming)
