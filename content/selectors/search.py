"""Full-text search over posts and pages. Its cost has a bound: only the newest matches of a common word are read.

A query maps texts to their words. Each function takes a constant number of statements for a hundred texts.
"""

# ruff: noqa: S608 - all parts of these statements are constants

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain, islice
from typing import Any, TypeVar

from django.db import connection
from django.utils import timezone

from content.caching import NotThere
from content.documents import SearchDocument, SearchHit
from content.models.post import path_of
from content.models.search_index import fts5_query, tsqueries
from content.rendering import QueryWords, make_excerpt, make_snippet, mark_words, split_words
from content.selectors.sql import fetch, fetch_each, moment_column, parse_moment

# The most results of a search. They alone are ranked; readers go no further.
MOST_FOUND = 1_000
Words = tuple[str, ...]
Key = TypeVar("Key")
Select = tuple[str, list[Any]]

# --- PostgreSQL ---------------------------------------------------------------------------------------

# Words are looked for in this many of the newest posts. If at least so many have them, they are common.
SAMPLE, COMMON = 200, 10
# The most posts that are read for common words, newest first. Other words are looked up in the index of words.
MOST_READ = 5_000
TSQUERY = "(to_tsquery('pg_catalog.simple', %s) || to_tsquery(post_search_language(%s), %s))"
LANGUAGE = "SELECT language FROM content_siteconfig LIMIT 1"
PUBLIC = "status IN ('published', 'scheduled') AND password = '' AND published_at <= %s"
NEWEST_FIRST = "ORDER BY published_at DESC, id DESC LIMIT %s"
NEWEST = f"SELECT id, published_at, search FROM content_post WHERE {PUBLIC} {NEWEST_FIRST}"
COUNT_IN_SAMPLE = f"SELECT count(*) FROM ({NEWEST}) sample WHERE search @@ {TSQUERY}"
# The planner knows little about beginnings of words, and may read all posts: OFFSET 0 keeps it to one way.
READ = f"SELECT id, published_at, search FROM ({NEWEST}) newest WHERE search @@ {TSQUERY} {NEWEST_FIRST}"
LOOK_UP = f"SELECT * FROM (SELECT id, published_at, search FROM content_post WHERE {PUBLIC} AND search @@ {TSQUERY}"
LOOK_UP += f" OFFSET 0) matching {NEWEST_FIRST}"
BEST = f"SELECT id FROM ({{found}}) found ORDER BY ts_rank(search, {TSQUERY}) DESC, published_at DESC, id DESC"

# --- SQLite -------------------------------------------------------------------------------------------

# FTS5 reads the posts of a word backwards by key, no further than the limit; for beginnings it reads all of them.
# Lists know which posts are public: a row of content_post is long, and has its status behind its texts.
FOUND = """
SELECT l.post_id FROM post_search CROSS JOIN content_listedpost l ON l.post_id = post_search.rowid
WHERE post_search MATCH %s AND l.kind IN ('all', 'pages') AND l.term = 0 AND l.published_at <= %s
"""
LATEST = f"{FOUND} ORDER BY post_search.rowid DESC LIMIT %s"
RANKED = f"{FOUND} ORDER BY post_search.rank, l.published_at DESC, l.post_id DESC LIMIT %s"


async def find_best(queries: Mapping[str, Words]) -> dict[str, list[int]]:
    """Ids of public posts and pages for each text, best first; one more than MOST_FOUND if there are more."""
    if not queries:
        return {}
    if connection.vendor == "postgresql":
        return await find_best_on_postgresql(queries)
    return await find_best_on_sqlite(queries)


async def find_best_on_postgresql(queries: Mapping[str, Words]) -> dict[str, list[int]]:
    """Rank the newest matches only: ranking reads each row, and so does a search in titles. Three statements."""
    now, tsqueries = timezone.now(), await tsquery_parameters(queries)
    common = await find_common(tsqueries)
    selects: list[Select] = []
    for text in queries:
        window, found = ([MOST_READ], READ) if text in common else ([], LOOK_UP)
        tsquery = tsqueries[text]
        selects.append((BEST.format(found=found), [now, *window, *tsquery, MOST_FOUND + 1, *tsquery]))
    return dict(zip(queries, await fetch_ids(selects), strict=True))


async def tsquery_parameters(queries: Mapping[str, Words]) -> dict[str, list[str]]:
    """The parameters of TSQUERY for each text: one statement."""
    rows = await fetch(LANGUAGE)
    language = rows[0][0] if rows else "en"
    both = {text: tsqueries(words) for text, words in queries.items()}
    return {text: [simple, language, inflected] for text, (simple, inflected) in both.items()}


async def find_common(queries: Mapping[str, Sequence[str]]) -> set[str]:
    """The texts with common words: one statement."""
    now = timezone.now()
    counts = await fetch_each([(COUNT_IN_SAMPLE, [now, SAMPLE, *tsquery]) for tsquery in queries.values()])
    return {text for text, ((posts,),) in zip(queries, counts, strict=True) if posts >= COMMON}


async def find_best_on_sqlite(queries: Mapping[str, Words]) -> dict[str, list[int]]:
    """Rank up to MOST_FOUND matches by bm25, which reads all of them. If there are more, those with the words in the
    title come first, then the last stored. Three statements.
    """
    now, most = timezone.now(), MOST_FOUND + 1
    latest = await fetch_latest({text: (words, LATEST, [now, most]) for text, words in queries.items()}, most)
    selects: list[Select] = []
    for text, (is_whole, ids) in latest.items():
        is_many = len(ids) >= most
        query = fts5_query(queries[text], in_title=is_many, is_whole=is_whole)
        selects.append((LATEST if is_many else RANKED, [query, now, most]))
    better = await fetch_ids(selects)
    both = zip(latest.items(), better, strict=True)
    return {text: list(islice(dict.fromkeys(chain(first, rest)), most)) for (text, (_, rest)), first in both}


async def fetch_latest(
    queries: Mapping[Key, tuple[Words, str, Sequence[Any]]], enough: int
) -> dict[Key, tuple[bool, list[int]]]:
    """The last stored posts for each query; first those with the whole last word, which are enough for common words.

    A query has words, a statement, and the parameters that follow the words. True with the ids if the last word is
    whole. Two statements.
    """

    async def search(keys: Iterable[Key], *, is_whole: bool) -> dict[Key, tuple[bool, list[int]]]:
        selects: dict[Key, Select] = {}
        for key in keys:
            words, sql, parameters = queries[key]
            selects[key] = (sql, [fts5_query(words, is_whole=is_whole), *parameters])
        return {key: (is_whole, ids) for key, ids in zip(selects, await fetch_ids(selects.values()), strict=True)}

    found = await search(queries, is_whole=True)
    return found | await search([key for key, (_, ids) in found.items() if len(ids) < enough], is_whole=False)


async def fetch_ids(selects: Iterable[Select]) -> list[list[int]]:
    return [[pk for (pk,) in rows] for rows in await fetch_each(list(selects))]


# A snippet is chosen from this many characters of a body.
SNIPPET_FROM = 20_000

# text, page, size
Search = tuple[str, int, int]

HITS = """
SELECT id, kind, slug, title, excerpt, {published_at}, language, substr(text, 1, {length}) FROM content_post
WHERE id IN ({pks})
"""


async def load_search(text: str, page: int, size: int) -> SearchDocument:
    """One page of the public posts and pages that match: four queries at most."""
    documents = await load_searches([(text, page, size)])
    if not documents:
        raise NotThere(f"no page {page}")
    return documents[text, page, size]


async def load_searches(searches: Sequence[Search]) -> dict[Search, SearchDocument]:
    """Like load_search, for many: four queries for a hundred."""
    found = await find_best({text: words for text, _, _ in searches if (words := split_words(text))})
    shown = {}
    for text, page, size in searches:
        ids = found.get(text, [])[:MOST_FOUND][(page - 1) * size : page * size]
        if ids or page == 1:
            shown[text, page, size] = ids
    rows = await fetch_hits({pk for ids in shown.values() for pk in ids})
    documents = {}
    for (text, page, size), ids in shown.items():
        marked = QueryWords.of(split_words(text))
        matching = found.get(text, [])
        total = min(len(matching), MOST_FOUND)
        documents[text, page, size] = SearchDocument(
            hits=tuple(make_hit(rows[pk], marked) for pk in ids if pk in rows),
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
