"""The sitemap: posts, pages and terms in parts by ranges of primary keys; one query for any number of parts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from content.documents import PartSummary, SitemapEntry, SitemapPart, SitemapSummary
from content.documents import site as parts
from content.models import Author, Category, Tag
from content.models.post import path_of
from content.selectors.list_counts import TOTAL, List, count_posts, next_publication
from content.selectors.sql import fetch, fetch_each, moment_column, parse_moment

TERMS: dict[str, Any] = {"category": Category, "tag": Tag, "author": Author}
# The most parts of each kind of term. With the archive they fit into one file.
MOST_PARTS_OF_TERMS = 10
POSTS: List = ("all", 0)
PAGES: List = ("pages", 0)
# A scheduled post changes for readers at its time of publication: the later of two columns counts.
GREATEST = {"postgresql": "GREATEST", "sqlite": "MAX"}
# The latest change in each part: the first row of its index.
CHANGES = """
WITH RECURSIVE numbers(number) AS (SELECT {first} UNION ALL SELECT number + 1 FROM numbers WHERE number < {last})
SELECT number + 1, (
    SELECT {greatest}(p.updated_at, p.published_at) FROM content_post p
    WHERE (p.id / {keys}) = number AND p.status IN ('published', 'scheduled') AND p.password = ''
        AND p.published_at <= %s
    ORDER BY {greatest}(p.updated_at, p.published_at) DESC LIMIT 1
) FROM numbers ORDER BY number
"""
ENTRIES = """
SELECT p.id, p.kind, p.slug, p.published_at > %s, {at} FROM content_post p
WHERE p.status IN ('published', 'scheduled') AND p.password = '' AND ({condition}) ORDER BY p.id
"""
ENDS = " UNION ALL ".join(
    # Two look-ups: SQLite reads the whole table for both in one.
    f"SELECT '{table}', (SELECT min(id) FROM content_{table}), (SELECT max(id) FROM content_{table})"  # noqa: S608
    for table in ("post", *TERMS)
)
NEWEST = """
SELECT c.term, (
    SELECT {published_at} FROM content_listedpost l
    WHERE l.kind = %s AND l.term = c.term AND l.published_at <= %s ORDER BY l.published_at DESC LIMIT 1
) AS newest
FROM content_listcount c WHERE c.kind = %s AND c.month = 0 AND c.posts > 0 AND c.term >= %s AND c.term < %s
"""


async def load_summary() -> SitemapSummary:
    """Three queries, with one index look-up a part."""
    now = timezone.now()
    counts, scheduled = await count_posts((), now, (POSTS, PAGES))
    ends = {table: (first, last) for table, first, last in await fetch(ENDS)}
    first, last = ends["post"]
    rows: list[Any] = []
    if last is not None:
        first, last = first // parts.KEYS_A_PART, last // parts.KEYS_A_PART
        greatest = GREATEST[connection.vendor]
        rows = await fetch(CHANGES.format(first=first, last=last, greatest=greatest, keys=parts.KEYS_A_PART), [now])
    return SitemapSummary(
        parts=tuple(
            PartSummary(number, parse_moment(changed_at)) for number, changed_at in rows if changed_at is not None
        ),
        paths=sum(counts[each].get(TOTAL, 0) for each in (POSTS, PAGES)),
        terms=tuple((kind, number) for kind in TERMS for number in parts_between(*ends[kind])),
        next_publication=min((times[0] for times in scheduled.values() if times), default=None),
    )


def parts_between(first: int | None, last: int | None) -> range:
    """The numbers of the parts for rows with keys from first to last."""
    if first is None or last is None:
        return range(0)
    begin = parts.part_of(first)
    return range(begin, min(parts.part_of(last) + 1, begin + MOST_PARTS_OF_TERMS))


async def load_part(number: int) -> SitemapPart:
    """One query, by primary key."""
    return (await load_parts([number]))[number]


async def load_parts(numbers: Sequence[int]) -> dict[int, SitemapPart]:
    """Like load_part, for many parts: one query."""
    now = timezone.now()
    keys = [keys_of(number) for number in numbers]
    condition = " OR ".join(f"p.id >= {each.start} AND p.id < {each.stop}" for each in keys)
    entries: dict[int, list[SitemapEntry]] = {number: [] for number in numbers}
    upcoming: dict[int, list[datetime]] = {number: [] for number in numbers}
    latest = f"{GREATEST[connection.vendor]}(p.updated_at, p.published_at)"
    column = moment_column(f"CASE WHEN p.published_at > %s THEN p.published_at ELSE {latest} END")
    for pk, kind, slug, is_scheduled, at in await fetch(ENTRIES.format(condition=condition, at=column), [now, now]):
        number = parts.part_of(pk)
        if is_scheduled:
            upcoming[number].append(parse_moment(at))
        else:
            entries[number].append(SitemapEntry(path_of(kind, slug), parse_moment(at)))
    return {
        number: SitemapPart(entries=tuple(entries[number]), next_publication=min(upcoming[number], default=None))
        for number in numbers
    }


def keys_of(number: int) -> range:
    return range((number - 1) * parts.KEYS_A_PART, number * parts.KEYS_A_PART)


async def load_terms(kind: str, number: int) -> SitemapPart:
    """Categories, tags or authors with public posts, and the time of the newest post of each: three queries."""
    return (await load_parts_of_terms([(kind, number)]))[kind, number]


async def load_parts_of_terms(terms: Sequence[tuple[str, int]]) -> dict[tuple[str, int], SitemapPart]:
    """Like load_terms, for many parts: two queries for a hundred, and one for each kind."""
    now = timezone.now()
    upcoming = await next_publication(now)
    sql = NEWEST.format(published_at=moment_column("l.published_at"))
    keys = {part: keys_of(part[1]) for part in terms}
    results = await fetch_each(
        [(sql, (kind, now, kind, keys[kind, n].start, keys[kind, n].stop)) for kind, n in terms]
    )
    newest = {
        (kind, pk): parse_moment(at)
        for (kind, _), rows in zip(terms, results, strict=True)
        for pk, at in rows
        if at is not None
    }
    entries: dict[tuple[str, int], list[SitemapEntry]] = {part: [] for part in terms}
    for kind in sorted({kind for kind, _ in terms}):
        ranges = [keys[part] for part in terms if part[0] == kind]
        of_kind = Q(*(Q(pk__gte=each.start, pk__lt=each.stop) for each in ranges), _connector=Q.OR)
        async for row in TERMS[kind].objects.filter(of_kind).order_by("pk").only("pk", "slug"):
            if (kind, row.pk) in newest:
                entry = SitemapEntry(row.get_absolute_url(), newest[kind, row.pk])
                entries[kind, parts.part_of(row.pk)].append(entry)
    return {part: SitemapPart(entries=tuple(found), next_publication=upcoming) for part, found in entries.items()}
