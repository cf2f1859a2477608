from typing import Any

from django.db.models import Count, Q
from django.utils import timezone

from content.documents import DirectoryDocument, DirectoryEntry
from content.models import Author, Category, Post, Tag
from content.selectors.listings import listed, next_publication

MODELS: dict[str, Any] = {"author": Author, "category": Category, "tag": Tag}
# Some 3 MB, by what slugs and names usually are.
MOST_ENTRIES = 50_000


async def directory(kind: str) -> DirectoryDocument:
    """All of that kind (author, category or tag), posts or none: two queries."""
    now = timezone.now()
    public = Q(posts__in=Post.objects.public(now).posts())
    rows = MODELS[kind].objects.annotate(uses=Count("posts", filter=public)).order_by("slug")[:MOST_ENTRIES]
    entries = [DirectoryEntry(slug=row.slug, name=row.name, posts=row.uses) async for row in rows]
    return DirectoryDocument(
        # By code points: databases collate in ways of their own.
        entries=tuple(sorted(entries, key=lambda entry: entry.slug)),
        next_publication=await next_publication(listed("all", 0), now),
    )
