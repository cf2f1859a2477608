"""Full-text search over posts and pages, at a cost that a common word on a large site does not raise."""

# ruff: noqa: S608 - all parts of these statements are constants

from collections.abc import Collection, Iterable, Sequence
from itertools import chain, islice
from typing import Any

from django.db import connection
from django.utils import timezone

from content.caching import NotThere
from content.documents import SearchDocument, SearchHit, SequenceDocument
from content.models import PostQuerySet
from content.models.post import path_of
from content.models.search_match import Matches, fts5_query, tsqueries
from content.rendering import QueryWords, make_excerpt, make_snippet, mark_words, split_words
from content.selectors.list_counts import ALL, List, next_publication
from content.selectors.sql import (
    fetch,
    fetch_each,
    gather,
    microseconds_column,
    moment_column,
    parse_moment,
    parse_numbers,
)

# The most results of a search. They alone are ranked, so this bounds its cost; readers go no further.
MOST_FOUND = 200
# The most posts that the API's filter by words returns, and the most that several lists have in common: the newest.
MOST_WITH_WORDS = 500
MOST_MATCHING = 10_000
# A snippet is chosen from this many characters of a body.
SNIPPET_FROM = 20_000

Words = tuple[str, ...]
# text, page, size
Search = tuple[str, int, int]
# text, category, tag, author
Filters = tuple[str, int, int, int]
Select = tuple[str, list[Any]]

# The language is a parameter: PostgreSQL estimates the number of matches from a query that it knows in advance. For
# many matches it reads the newest posts until it has enough, for few it reads the index of words.
TSQUERY = "(to_tsquery('pg_catalog.simple', %s) || to_tsquery(post_search_language(%s), %s))"
LANGUAGE = "SELECT language FROM content_siteconfig LIMIT 1"
BEST = f"""
SELECT id FROM (
    SELECT id, published_at, search FROM content_post
    WHERE status IN ('published', 'scheduled') AND password = '' AND published_at <= %s AND search @@ {TSQUERY}
    ORDER BY published_at DESC, id DESC LIMIT %s
) newest ORDER BY ts_rank(search, {TSQUERY}) DESC, published_at DESC, id DESC
"""
# FTS5 reads its index backwards by key, no further than the limit. Lists know which posts are public: a row of
# content_post is long, and has its status behind its texts.
FOUND = """
SELECT l.post_id FROM post_search CROSS JOIN content_listedpost l ON l.post_id = post_search.rowid
WHERE post_search MATCH %s AND l.kind IN ('all', 'pages') AND l.term = 0 AND l.published_at <= %s
"""
LATEST = f"{FOUND} ORDER BY post_search.rowid DESC LIMIT %s"
RANKED = f"{FOUND} ORDER BY post_search.rank, l.published_at DESC, l.post_id DESC LIMIT %s"
IN_OTHER_LIST = "l.post_id IN (SELECT post_id FROM content_listedpost WHERE kind = %s AND term = %s)"
HITS = """
SELECT id, kind, slug, title, excerpt, {published_at}, language, substr(text, 1, {length}) FROM content_post
WHERE id IN ({pks})
"""


def filter_matching(posts: PostQuerySet, text: str) -> PostQuerySet:
    """The posts that have all words of a reader's query; no posts for a query without words."""
    words = split_words(text)
    return posts.filter(Matches(words)) if words else posts.none()


async def site_language() -> str:
    rows = await fetch(LANGUAGE)
    return rows[0][0] if rows else "en"


def tsquery_parameters(words: Words, language: str) -> list[str]:
    simple, inflected = tsqueries(words)
    return [simple, language, inflected]


# --- filters of the API -------------------------------------------------------------------------------


async def load_matches(text: str, category: int, tag: int, author: int) -> SequenceDocument:
    """The newest posts with all these words and in each of these lists: three queries at most.

    0 and "" do not filter. At most 500 with words, else 10,000. SQLite takes those that were stored last.
    """
    filters = (text, category, tag, author)
    return (await load_many_matches([filters]))[filters]


async def load_many_matches(filters: Sequence[Filters]) -> dict[Filters, SequenceDocument]:
    """As load_matches, for many: three queries for a hundred."""
    upcoming = await next_publication(timezone.now())
    is_postgresql = connection.vendor == "postgresql"
    language = await site_language() if is_postgresql and any(text for text, *_ in filters) else ""
    at = microseconds_column("published_at")
    selects = []
    for each in filters:
        sql, parameters = select_matches(each, language)
        selects.append((f"SELECT {gather('post_id')}, {gather(at)} FROM ({sql}) places", parameters))
    return {
        each: SequenceDocument(ids=parse_numbers(ids), times=parse_numbers(times), next_publication=upcoming)
        for each, ((ids, times),) in zip(filters, await fetch_each(selects), strict=True)
    }


def select_matches(filters: Filters, language: str) -> Select:
    text, category, tag, author = filters
    lists = [(kind, pk) for kind, pk in (("category", category), ("tag", tag), ("author", author)) if pk]
    words = split_words(text)
    if text and not words:
        return "SELECT post_id, published_at FROM content_listedpost WHERE 1 = 0", []
    condition, parameters = list_condition(lists or [ALL])
    newest = "ORDER BY l.published_at DESC, l.post_id DESC"
    if not words:
        sql = f"SELECT l.post_id, l.published_at FROM content_listedpost l WHERE {condition} {newest} LIMIT %s"
        return sql, [*parameters, MOST_MATCHING]
    if connection.vendor == "postgresql":
        sql = (
            "SELECT l.post_id, l.published_at FROM content_listedpost l JOIN content_post p ON p.id = l.post_id"
            f" WHERE {condition} AND p.search @@ {TSQUERY} {newest} LIMIT %s"
        )
        return sql, [*parameters, *tsquery_parameters(words, language), MOST_WITH_WORDS]
    latest = (
        "SELECT l.post_id, l.published_at FROM post_search CROSS JOIN content_listedpost l"
        f" ON l.post_id = post_search.rowid WHERE post_search MATCH %s AND {condition}"
        " ORDER BY post_search.rowid DESC LIMIT %s"
    )
    sql = f"SELECT l.post_id, l.published_at FROM ({latest}) l {newest}"
    return sql, [fts5_query(words), *parameters, MOST_WITH_WORDS]


def list_condition(lists: Sequence[List]) -> Select:
    """A condition for public places `l` in the first list, of posts that are in all of the lists."""
    first, *others = lists
    conditions = ["l.kind = %s AND l.term = %s AND l.published_at <= %s", *[IN_OTHER_LIST] * len(others)]
    return " AND ".join(conditions), [*first, timezone.now(), *chain.from_iterable(others)]


# --- search -------------------------------------------------------------------------------------------


async def load_search(text: str, page: int, size: int) -> SearchDocument:
    """One page of the public posts and pages that match: three queries at most."""
    documents = await load_searches([(text, page, size)])
    if not documents:
        raise NotThere(f"no page {page}")
    return documents[text, page, size]


async def load_searches(searches: Sequence[Search]) -> dict[Search, SearchDocument]:
    """As load_search, for many: three queries for a hundred."""
    found = await find_best({text: words for text, _, _ in searches if (words := split_words(text))})
    shown = {}
    for text, page, size in searches:
        ids = found.get(text, [])[:MOST_FOUND][(page - 1) * size : page * size]
        if ids or page == 1:
            shown[text, page, size] = ids
    rows = await fetch_hits({pk for ids in shown.values() for pk in ids})
    documents = {}
    for (text, page, size), ids in shown.items():
        words = QueryWords.of(split_words(text))
        matching = found.get(text, [])
        total = min(len(matching), MOST_FOUND)
        documents[text, page, size] = SearchDocument(
            hits=tuple(make_hit(rows[pk], words) for pk in ids if pk in rows),
            page=page,
            pages=max(1, -(-total // size)),
            total=total,
            is_more=len(matching) > total,
        )
    return documents


async def fetch_hits(pks: Collection[int]) -> dict[int, tuple[Any, ...]]:
    if not pks:
        return {}
    sql = HITS.format(
        published_at=moment_column("published_at"), length=SNIPPET_FROM, pks=", ".join(["%s"] * len(pks))
    )
    return {row[0]: row for row in await fetch(sql, list(pks))}


def make_hit(row: tuple[Any, ...], words: QueryWords) -> SearchHit:
    """The snippet is the excerpt if the body shows none of the words."""
    pk, kind, slug, title, excerpt, published_at, language, text = row
    return SearchHit(
        id=pk,
        kind=kind,
        url=path_of(kind, slug),
        title=title,
        heading=mark_words(title, words),
        snippet=make_snippet(text, words) or mark_words(excerpt or make_excerpt(text), words),
        published_at=parse_moment(published_at),
        language=language,
    )


async def find_best(queries: dict[str, Words]) -> dict[str, list[int]]:
    """Ids for each text, best first; one more than MOST_FOUND if there are more: two queries for a hundred texts."""
    if not queries:
        return {}
    if connection.vendor == "postgresql":
        return await find_best_on_postgresql(queries)
    return await find_best_on_sqlite(queries)


async def find_best_on_postgresql(queries: dict[str, Words]) -> dict[str, list[int]]:
    """Rank the newest matches only: ranking reads each row, and so does a search in titles."""
    now, language = timezone.now(), await site_language()
    selects: list[Select] = []
    for words in queries.values():
        tsquery = tsquery_parameters(words, language)
        selects.append((BEST, [now, *tsquery, MOST_FOUND + 1, *tsquery]))
    return dict(zip(queries, await fetch_ids(selects), strict=True))


async def find_best_on_sqlite(queries: dict[str, Words]) -> dict[str, list[int]]:
    """Rank by bm25, which reads all matches. Queries with more than MOST_FOUND matches are ranked by title, then by
    age: the index is read in the order of its rows, and no further than needed.
    """
    now, most = timezone.now(), MOST_FOUND + 1
    latest = await fetch_ids([(LATEST, [fts5_query(words), now, most]) for words in queries.values()])
    selects: list[Select] = [
        (RANKED, [fts5_query(words), now, most])
        if len(ids) < most
        else (LATEST, [fts5_query(words, in_title=True), now, most])
        for words, ids in zip(queries.values(), latest, strict=True)
    ]
    better = await fetch_ids(selects)
    return {text: merge_ids(first, rest) for text, first, rest in zip(queries, better, latest, strict=True)}


async def fetch_ids(selects: Sequence[Select]) -> list[list[int]]:
    return [[pk for (pk,) in rows] for rows in await fetch_each(selects)]


def merge_ids(*lists: Iterable[int]) -> list[int]:
    return list(islice(dict.fromkeys(chain(*lists)), MOST_FOUND + 1))
