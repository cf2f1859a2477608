from collections import Counter
from typing import Any

from django.db import connection
from django.utils import timezone

from content.documents import DirectoryDocument, DirectoryEntry, DirectoryIndex
from content.models import Author, Category, Tag
from content.selectors.counts import scheduled_by_term
from content.selectors.months import next_publication
from content.selectors.rows import fetch

MODELS: dict[str, Any] = {"author": Author, "category": Category, "tag": Tag}
# Entries of a part.
A_PART = 1_000
# By code points: databases collate in ways of their own.
SLUG = {"postgresql": 't.slug COLLATE "C"', "sqlite": "t.slug"}
STARTS = """
SELECT slug, total FROM (
    SELECT t.slug, row_number() OVER (ORDER BY {slug}) AS place, count(*) OVER () AS total FROM {table} t
) numbered WHERE (place - 1) %% {a_part} = 0 ORDER BY place
"""
PART = """
SELECT t.id, t.slug, t.name, coalesce(c.posts, 0) FROM {table} t
LEFT JOIN content_listcount c ON c.kind = %s AND c.month = 0 AND c.term = t.id
WHERE {slug} >= %s ORDER BY {slug} LIMIT {a_part}
"""


async def directory_index(kind: str) -> DirectoryIndex:
    """How all of that kind (author, category or tag) are cut into parts: one query."""
    rows = await fetch(written(STARTS, kind))
    return DirectoryIndex(total=rows[0][1] if rows else 0, starts=tuple(slug for slug, _ in rows))


async def directory(kind: str, start: str) -> DirectoryDocument:
    """A thousand of that kind from a slug on, posts or none: two queries, three if posts are scheduled."""
    now = timezone.now()
    upcoming = await next_publication(now)
    hidden = await scheduled_by_term([kind], now) if upcoming else Counter[tuple[str, int]]()
    rows = await fetch(written(PART, kind), [kind, start])
    return DirectoryDocument(
        entries=tuple(
            DirectoryEntry(slug=slug, name=name, posts=max(0, posts - hidden[kind, pk]))
            for pk, slug, name, posts in rows
        ),
        next_publication=upcoming,
    )


def written(sql: str, kind: str) -> str:
    table = connection.ops.quote_name(MODELS[kind]._meta.db_table)
    return sql.format(table=table, slug=SLUG[connection.vendor], a_part=A_PART)
