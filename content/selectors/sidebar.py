from collections import Counter
from typing import Any

from django.db import connection
from django.utils import timezone

from content.documents import SidebarDocument, TermCount
from content.models import Category, Tag
from content.selectors.counts import scheduled_by_term
from content.selectors.months import next_publication
from content.selectors.rows import fetch

MOST_TAGS = 20
MOST_CATEGORIES = 50
COUNTED = """
SELECT t.id, t.slug, t.name, c.posts FROM content_listcount c JOIN {table} t ON t.id = c.term
WHERE c.kind = %s AND c.month = 0 AND c.posts > 0 ORDER BY {order} LIMIT %s
"""


async def sidebar() -> SidebarDocument:
    """Sections by name and the most used tags, with counts of public posts: three queries, or four."""
    now = timezone.now()
    upcoming = await next_publication(now)
    hidden = await scheduled_by_term(["category", "tag"], now) if upcoming else Counter[tuple[str, int]]()
    return SidebarDocument(
        categories=await counted(Category, "t.name, t.id", MOST_CATEGORIES, hidden),
        tags=await counted(Tag, "c.posts DESC, t.name, t.id", MOST_TAGS, hidden),
        next_publication=upcoming,
    )


async def counted(
    model: type[Category] | type[Tag], order: str, most: int, hidden: Counter[tuple[str, int]]
) -> tuple[TermCount, ...]:
    """Those with a scheduled post count less than the database says, so as many more are read."""
    kind = model._meta.model_name or ""
    sql = COUNTED.format(table=connection.ops.quote_name(model._meta.db_table), order=order)
    rows = await fetch(sql, [kind, most + sum(each == kind for each, _ in hidden)])
    terms = [
        term_count(model(pk=pk, slug=slug, name=name), posts - hidden[kind, pk]) for pk, slug, name, posts in rows
    ]
    shown = [term for term in terms if term.posts > 0]
    if model is Tag:
        shown.sort(key=lambda term: -term.posts)
    return tuple(shown[:most])


def term_count(term: Any, uses: int) -> TermCount:
    return TermCount(slug=term.slug, name=term.name, url=term.get_absolute_url(), posts=uses)
