from django.db.models import Count
from django.utils import timezone

from content.documents import SidebarDocument, TermCount
from content.models import Category, Post, Tag
from content.selectors.listings import listed, next_publication

MOST_TAGS = 20
MOST_CATEGORIES = 50


async def sidebar() -> SidebarDocument:
    """Sections by name and the most used tags, with counts of public posts: three queries."""
    now = timezone.now()
    public = Post.objects.public(now).posts()
    categories = Category.objects.filter(posts__in=public).annotate(uses=Count("posts")).order_by("name")
    tags = Tag.objects.filter(posts__in=public).annotate(uses=Count("posts")).order_by("-uses", "name")
    return SidebarDocument(
        categories=tuple([term_count(row, row.uses) async for row in categories[:MOST_CATEGORIES]]),
        tags=tuple([term_count(row, row.uses) async for row in tags[:MOST_TAGS]]),
        next_publication=await next_publication(listed("all", 0), now),
    )


def term_count(term: Category | Tag, uses: int) -> TermCount:
    return TermCount(slug=term.slug, name=term.name, url=term.get_absolute_url(), posts=uses)
