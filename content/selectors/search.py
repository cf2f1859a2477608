"""Full-text search over posts and pages, at a cost that a common word on a large site does not raise."""

from collections.abc import Collection, Sequence
from typing import Any

from content.caching import NotThere
from content.documents import SearchDocument, SearchHit
from content.models.post import path_of
from content.rendering import QueryWords, make_excerpt, make_snippet, mark_words, split_words
from content.selectors import full_text
from content.selectors.sql import fetch, moment_column, parse_moment

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
    """As load_search, for many: four queries for a hundred."""
    found = await full_text.find_best({text: words for text, _, _ in searches if (words := split_words(text))})
    shown = {}
    for text, page, size in searches:
        ids = found.get(text, [])[: full_text.MOST_FOUND][(page - 1) * size : page * size]
        if ids or page == 1:
            shown[text, page, size] = ids
    rows = await fetch_hits({pk for ids in shown.values() for pk in ids})
    documents = {}
    for (text, page, size), ids in shown.items():
        marked = QueryWords.of(split_words(text))
        matching = found.get(text, [])
        total = min(len(matching), full_text.MOST_FOUND)
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
