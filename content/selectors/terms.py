"""Categories, tags and authors: by slug, in directories, and in the sidebar."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.utils import timezone

from content.caching import NotThere
from content.documents import (
    AuthorDocument,
    DirectoryDocument,
    DirectoryEntry,
    DirectoryIndex,
    SidebarDocument,
    TermCount,
    TermDocument,
)
from content.models import Author, Category, Tag
from content.selectors.list_counts import count_scheduled_posts, next_publication
from content.selectors.sql import fetch, fetch_each

MODELS: dict[str, Any] = {"author": Author, "category": Category, "tag": Tag}
# Entries in a part of a directory.
ENTRIES_A_PART = 1_000
MOST_TAGS = 20
MOST_CATEGORIES = 50
# Rows are in the order of code points: default collations differ between databases.
SLUG = {"postgresql": 't.slug COLLATE "C"', "sqlite": "t.slug"}
STARTS = """
SELECT slug, total FROM (
    SELECT t.slug, row_number() OVER (ORDER BY {slug}) AS place, count(*) OVER () AS total FROM {table} t
) numbered WHERE (place - 1) %% {a_part} = 0 ORDER BY place
"""
PART = """
SELECT t.id, t.slug, t.name, coalesce(c.posts, 0) AS posts FROM {table} t
LEFT JOIN content_listcount c ON c.kind = %s AND c.month = 0 AND c.term = t.id
WHERE {slug} >= %s ORDER BY {slug} LIMIT {a_part}
"""
COUNTS = """
SELECT t.id, t.slug, t.name, c.posts FROM content_listcount c JOIN {table} t ON t.id = c.term
WHERE c.kind = %s AND c.month = 0 AND c.posts > 0 ORDER BY {order} LIMIT %s
"""


def author_document(author: Author, *, with_bio: bool = False) -> AuthorDocument:
    return AuthorDocument(id=author.pk, slug=author.slug, name=author.name, bio=author.bio if with_bio else "")


def category_document(category: Category, *, with_description: bool = False) -> TermDocument:
    return TermDocument(
        id=category.pk,
        kind="categories",
        slug=category.slug,
        name=category.name,
        description=category.description if with_description else "",
    )


def tag_document(tag: Tag) -> TermDocument:
    return TermDocument(id=tag.pk, kind="tags", slug=tag.slug, name=tag.name)


async def load_category(slug: str) -> TermDocument:
    category = await Category.objects.filter(slug=slug).afirst()
    if category is None:
        raise NotThere(f"no category {slug!r}")
    return category_document(category, with_description=True)


async def load_categories(slugs: Sequence[str]) -> dict[str, TermDocument]:
    rows = Category.objects.filter(slug__in=slugs)
    return {row.slug: category_document(row, with_description=True) async for row in rows}


async def load_tag(slug: str) -> TermDocument:
    tag = await Tag.objects.filter(slug=slug).afirst()
    if tag is None:
        raise NotThere(f"no tag {slug!r}")
    return tag_document(tag)


async def load_tags(slugs: Sequence[str]) -> dict[str, TermDocument]:
    return {row.slug: tag_document(row) async for row in Tag.objects.filter(slug__in=slugs)}


async def load_author(slug: str) -> AuthorDocument:
    author = await Author.objects.filter(slug=slug).afirst()
    if author is None:
        raise NotThere(f"no author {slug!r}")
    return author_document(author, with_bio=True)


async def load_authors(slugs: Sequence[str]) -> dict[str, AuthorDocument]:
    rows = Author.objects.filter(slug__in=slugs)
    return {row.slug: author_document(row, with_bio=True) async for row in rows}


async def load_directory_index(kind: str) -> DirectoryIndex:
    """The parts of all authors, categories or tags: one query."""
    return (await load_directory_indexes([kind]))[kind]


async def load_directory_indexes(kinds: Sequence[str]) -> dict[str, DirectoryIndex]:
    """Like load_directory_index, for many kinds: one query."""
    results = await fetch_each([(fill_in(STARTS, kind), ()) for kind in kinds])
    return {
        kind: DirectoryIndex(total=rows[0][1] if rows else 0, starts=tuple(slug for slug, _ in rows))
        for kind, rows in zip(kinds, results, strict=True)
    }


async def load_directory(kind: str, start: str) -> DirectoryDocument:
    """The thousand terms of that kind from slug `start` on: two queries, three if posts are scheduled."""
    return (await load_directories([(kind, start)]))[kind, start]


async def load_directories(parts: Sequence[tuple[str, str]]) -> dict[tuple[str, str], DirectoryDocument]:
    """Like load_directory, for many parts: two queries for a hundred, three if posts are scheduled."""
    now = timezone.now()
    upcoming = await next_publication(now)
    kinds = sorted({kind for kind, _ in parts})
    hidden = await count_scheduled_posts(kinds, now) if upcoming else Counter[tuple[str, int]]()
    results = await fetch_each([(fill_in(PART, kind), (kind, start)) for kind, start in parts])
    return {
        (kind, start): DirectoryDocument(
            entries=tuple(
                DirectoryEntry(slug=slug, name=name, posts=max(0, posts - hidden[kind, pk]))
                for pk, slug, name, posts in rows
            ),
            next_publication=upcoming,
        )
        for (kind, start), rows in zip(parts, results, strict=True)
    }


def fill_in(sql: str, kind: str) -> str:
    table = connection.ops.quote_name(MODELS[kind]._meta.db_table)
    return sql.format(table=table, slug=SLUG[connection.vendor], a_part=ENTRIES_A_PART)


async def load_sidebar() -> SidebarDocument:
    """Categories by name and the most used tags, with counts of public posts: three queries, or four."""
    now = timezone.now()
    upcoming = await next_publication(now)
    hidden = await count_scheduled_posts(["category", "tag"], now) if upcoming else Counter[tuple[str, int]]()
    return SidebarDocument(
        categories=await count_terms(Category, "t.name, t.id", MOST_CATEGORIES, hidden),
        tags=await count_terms(Tag, "c.posts DESC, t.name, t.id", MOST_TAGS, hidden),
        next_publication=upcoming,
    )


async def count_terms(
    model: type[Category] | type[Tag], order: str, most: int, hidden: Counter[tuple[str, int]]
) -> tuple[TermCount, ...]:
    """Scheduled posts are subtracted from counts, so that a term may drop out: as many more terms are read."""
    kind = model._meta.model_name or ""
    sql = COUNTS.format(table=connection.ops.quote_name(model._meta.db_table), order=order)
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
