"""Ids of the posts that match, best first, at a cost that a common word on a large site does not raise."""

from collections.abc import Iterable
from itertools import chain, islice

from django.db import connection
from django.db.models import QuerySet

from content.models import Post, PostQuerySet
from content.models.search_match import Matches, Rank, fts5_query

# More than these nobody reads.
MOST_FOUND = 1000


async def best_ids(posts: PostQuerySet, words: tuple[str, ...]) -> list[int]:
    """Up to one more than the most: whether there are more."""
    if connection.vendor == "postgresql":
        return await first_ids(ranked_by_postgresql(posts, words))
    return await best_ids_in_sqlite(posts, words)


def ranked_by_postgresql(posts: PostQuerySet, words: tuple[str, ...]) -> QuerySet[Post]:
    """Of the newest alone: each row is fetched to be ranked, or even to tell whether a word is in its title."""
    newest = posts.filter(Matches(words)).order_by("-published_at", "-pk").values("pk")[: MOST_FOUND + 1]
    return Post.objects.filter(pk__in=newest).order_by(Rank(words).desc(), "-published_at", "-pk")


async def best_ids_in_sqlite(posts: PostQuerySet, words: tuple[str, ...]) -> list[int]:
    """By bm25, which reads all that matches. Words that stand in more than the most say little about any of it, and
    are ranked by title, then by age: the index is read in the order of its rows, and no further than needed.
    """
    query = fts5_query(words)
    latest = await first_ids(indexed(posts, query, "-post_search.rowid"))
    if len(latest) <= MOST_FOUND:
        return await first_ids(indexed(posts, query, "post_search.rank", "-published_at", "-id"))
    titled = await first_ids(indexed(posts, fts5_query(words, in_title=True), "-post_search.rowid"))
    return first_of(titled, latest)


def indexed(posts: PostQuerySet, query: str, *order: str) -> QuerySet[Post]:
    """Joined by hand: a virtual table is no model, and has its rank only where it is searched itself."""
    return posts.extra(
        tables=["post_search"],
        where=["post_search MATCH %s", "post_search.rowid = content_post.id"],
        params=[query],
        order_by=order,
    )


async def first_ids(posts: QuerySet[Post]) -> list[int]:
    return [pk async for pk in posts.values_list("pk", flat=True)[: MOST_FOUND + 1]]


def first_of(*lists: Iterable[int]) -> list[int]:
    return list(islice(dict.fromkeys(chain(*lists)), MOST_FOUND + 1))
