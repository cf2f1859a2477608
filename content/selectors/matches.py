"""Posts that match filters of the API: words, and several lists at once."""

# ruff: noqa: S608 - all parts of these statements are constants

from collections.abc import Sequence
from itertools import chain

from django.db import connection
from django.utils import timezone
from msgspec import json

from content.documents import SequenceDocument
from content.rendering import split_words
from content.selectors import search
from content.selectors.list_counts import ALL, next_publication
from content.selectors.search import MOST_READ, TSQUERY, Select, Words
from content.selectors.sql import fetch_each, gather, microseconds_column, parse_numbers

# The most posts with words, and the most that several lists have in common: the newest.
MOST_WITH_WORDS = 1_000
MOST_IN_LISTS = 10_000
# text, category, tag, author
Filters = tuple[str, int, int, int]

PLACES = "SELECT l.post_id, l.published_at FROM"
IN_OTHER_LIST = "l.post_id IN (SELECT post_id FROM content_listedpost WHERE kind = %s AND term = %s)"
NEWEST_FIRST = "ORDER BY l.published_at DESC, l.post_id DESC LIMIT %s"
# OFFSET 0 keeps PostgreSQL from reading all posts, as in full_text.
HAS_WORDS = f"SELECT 1 FROM content_post p WHERE p.id = l.post_id AND p.search @@ {TSQUERY} OFFSET 0"
HAVE_WORDS = f"SELECT id FROM content_post WHERE search @@ {TSQUERY} OFFSET 0"


async def load_matches(text: str, category: int, tag: int, author: int) -> SequenceDocument:
    """The newest posts with all these words and in each of these lists: four queries at most.

    0 and "" do not filter. At most 500 with words, else 10,000. SQLite takes those that were stored last.
    """
    filters = (text, category, tag, author)
    return (await load_many_matches([filters]))[filters]


async def load_many_matches(filters: Sequence[Filters]) -> dict[Filters, SequenceDocument]:
    """Like load_matches, for many: four queries for a hundred."""
    upcoming = await next_publication(timezone.now())
    words = {each: some for each in filters if (some := split_words(each[0]))}
    selects = {each: select_in_lists(each) for each in filters if not each[0]}
    if words:
        selects |= await (select_on_postgresql if connection.vendor == "postgresql" else select_on_sqlite)(words)
    at = microseconds_column("published_at")
    gathered = [
        (f"SELECT {gather('post_id')}, {gather(at)} FROM ({sql}) places", parameters)
        for sql, parameters in selects.values()
    ]
    rows = dict(zip(selects, await fetch_each(gathered), strict=True))
    documents = {}
    for each in filters:
        ((ids, times),) = rows.get(each, [(None, None)])
        documents[each] = SequenceDocument(parse_numbers(ids), parse_numbers(times), next_publication=upcoming)
    return documents


def select_in_lists(filters: Filters) -> Select:
    condition, parameters = list_condition(filters)
    return f"{PLACES} content_listedpost l WHERE {condition} {NEWEST_FIRST}", [*parameters, MOST_IN_LISTS]


async def select_on_postgresql(queries: dict[Filters, Words]) -> dict[Filters, Select]:
    """Read the first list for common words, and look up others: two queries."""
    tsqueries = await search.tsquery_parameters({text: words for (text, *_), words in queries.items()})
    common = await search.find_common(tsqueries)
    selects: dict[Filters, Select] = {}
    for each in queries:
        tsquery, (condition, parameters) = tsqueries[each[0]], list_condition(each)
        if each[0] in common:
            newest = f"{PLACES} content_listedpost l WHERE {condition} {NEWEST_FIRST}"
            sql = f"{PLACES} ({newest}) l CROSS JOIN LATERAL ({HAS_WORDS}) p {NEWEST_FIRST}"
            selects[each] = (sql, [*parameters, MOST_READ, *tsquery, MOST_WITH_WORDS])
        else:
            sql = f"{PLACES} ({HAVE_WORDS}) p JOIN content_listedpost l ON l.post_id = p.id"
            sql = f"{sql} WHERE {condition} {NEWEST_FIRST}"
            selects[each] = (sql, [*tsquery, *parameters, MOST_WITH_WORDS])
    return selects


async def select_on_sqlite(queries: dict[Filters, Words]) -> dict[Filters, Select]:
    """Find the posts that were stored last, and select their places: two queries."""
    searches = {}
    for each, words in queries.items():
        condition, parameters = list_condition(each)
        sql = (
            "SELECT l.post_id FROM post_search CROSS JOIN content_listedpost l ON l.post_id = post_search.rowid"
            f" WHERE post_search MATCH %s AND {condition} ORDER BY post_search.rowid DESC LIMIT %s"
        )
        searches[each] = (words, sql, [*parameters, MOST_WITH_WORDS])
    sql = f"{PLACES} json_each(%s) found CROSS JOIN content_listedpost l ON l.post_id = found.value"
    return {
        each: (
            f"{sql} WHERE l.kind = %s AND l.term = %s {NEWEST_FIRST}",
            [json.encode(ids).decode(), *lists_of(each)[0], MOST_WITH_WORDS],
        )
        for each, (_, ids) in (await search.fetch_latest(searches, MOST_WITH_WORDS)).items()
    }


def lists_of(filters: Filters) -> list[tuple[str, int]]:
    _, category, tag, author = filters
    return [each for each in (("category", category), ("tag", tag), ("author", author)) if each[1]] or [ALL]


def list_condition(filters: Filters) -> Select:
    """A condition for public places `l` in the first list, of posts that are in all of the lists."""
    first, *others = lists_of(filters)
    conditions = ["l.kind = %s AND l.term = %s AND l.published_at <= %s", *[IN_OTHER_LIST] * len(others)]
    return " AND ".join(conditions), [*first, timezone.now(), *chain.from_iterable(others)]
