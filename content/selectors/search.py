"""Full-text search over posts and pages, at a cost that a common word on a large site does not raise."""

from collections.abc import Iterable
from itertools import chain, islice
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Substr
from django.utils import timezone

from content.caching import NotThere
from content.documents import SearchDocument, SearchHit, SequenceDocument, microseconds
from content.models import ListedPost, Post, PostQuerySet
from content.models.search_match import Matches, Rank, fts5_query
from content.rendering import QueryWords, make_excerpt, make_snippet, mark_words, split_words
from content.selectors.list_counts import ALL, next_publication

# The most results of a search; readers go no further.
MOST_FOUND = 1000
# The most posts that filters of the API combine: the newest.
MOST_MATCHING = 10_000
# A snippet is chosen from this many characters of a body.
SNIPPET_FROM = 20_000


def filter_matching(posts: PostQuerySet, text: str) -> PostQuerySet:
    """The posts that have all words of a reader's query; no posts for a query without words."""
    words = split_words(text)
    return posts.filter(Matches(words)) if words else posts.none()


async def load_matches(text: str, category: int, tag: int, author: int) -> SequenceDocument:
    """The newest 10,000 posts with all these words and in each of these lists; 0 and "" do not filter."""
    now = timezone.now()
    lists = [(kind, pk) for kind, pk in (("category", category), ("tag", tag), ("author", author)) if pk]
    first, *others = lists or [ALL]
    places = ListedPost.objects.of(*first).public(now)
    for other in others:
        places = places.filter(post__in=ListedPost.objects.of(*other).values("post"))
    if text:
        places = places.filter(post__in=filter_matching(Post.objects.all(), text).values("pk"))
    rows = places.newest_first().values_list("post_id", "published_at")[:MOST_MATCHING]
    found = [row async for row in rows]
    return SequenceDocument(
        ids=tuple(pk for pk, _ in found),
        times=tuple(microseconds(at) for _, at in found),
        next_publication=await next_publication(now),
    )


async def load_search(text: str, page: int, size: int) -> SearchDocument:
    """One page of the public posts and pages that match: two to four queries."""
    words = split_words(text)
    found = await find_best(Post.objects.public(timezone.now()), words) if words else []
    total = min(len(found), MOST_FOUND)
    shown = found[:total][(page - 1) * size : page * size]
    if not shown and page > 1:
        raise NotThere(f"no page {page}")
    return SearchDocument(
        hits=await load_hits(shown, QueryWords.of(words)),
        page=page,
        pages=max(1, -(-total // size)),
        total=total,
        is_more=len(found) > total,
    )


async def load_hits(pks: list[int], words: QueryWords) -> tuple[SearchHit, ...]:
    shown = Post.objects.filter(pk__in=pks).only("kind", "slug", "title", "excerpt", "published_at", "language")
    with_text = shown.annotate(text_start=Substr("text", 1, SNIPPET_FROM))
    by_pk = {post.pk: make_hit(post, words) async for post in with_text}
    return tuple(by_pk[pk] for pk in pks if pk in by_pk)


def make_hit(post: Any, words: QueryWords) -> SearchHit:
    """The snippet is the excerpt if the body shows none of the words."""
    text: str = post.text_start
    return SearchHit(
        id=post.pk,
        kind=post.kind,
        url=post.get_absolute_url(),
        title=post.title,
        heading=mark_words(post.title, words),
        snippet=make_snippet(text, words) or mark_words(post.excerpt or make_excerpt(text), words),
        published_at=post.published_at,
        language=post.language,
    )


async def find_best(posts: PostQuerySet, words: tuple[str, ...]) -> list[int]:
    """Ids, best first; one more than MOST_FOUND if there are more."""
    if connection.vendor == "postgresql":
        return await fetch_ids(rank_on_postgresql(posts, words))
    return await find_best_on_sqlite(posts, words)


def rank_on_postgresql(posts: PostQuerySet, words: tuple[str, ...]) -> QuerySet[Post]:
    """Rank the newest matches only: ranking reads each row, and so does a search in titles."""
    newest = posts.filter(Matches(words)).order_by("-published_at", "-pk").values("pk")[: MOST_FOUND + 1]
    return Post.objects.filter(pk__in=newest).order_by(Rank(words).desc(), "-published_at", "-pk")


async def find_best_on_sqlite(posts: PostQuerySet, words: tuple[str, ...]) -> list[int]:
    """Rank by bm25, which reads all matches. Queries with more than MOST_FOUND matches are ranked by title, then by
    age: the index is read in the order of its rows, and no further than needed.
    """
    query = fts5_query(words)
    latest = await fetch_ids(search_index(posts, query, "-post_search.rowid"))
    if len(latest) <= MOST_FOUND:
        return await fetch_ids(search_index(posts, query, "post_search.rank", "-published_at", "-id"))
    titled = await fetch_ids(search_index(posts, fts5_query(words, in_title=True), "-post_search.rowid"))
    return merge_ids(titled, latest)


def search_index(posts: PostQuerySet, query: str, *order: str) -> QuerySet[Post]:
    """Join the FTS5 table, which is no model. It has a rank only in a query that searches it."""
    return posts.extra(
        tables=["post_search"],
        where=["post_search MATCH %s", "post_search.rowid = content_post.id"],
        params=[query],
        order_by=order,
    )


async def fetch_ids(posts: QuerySet[Post]) -> list[int]:
    return [pk async for pk in posts.values_list("pk", flat=True)[: MOST_FOUND + 1]]


def merge_ids(*lists: Iterable[int]) -> list[int]:
    return list(islice(dict.fromkeys(chain(*lists)), MOST_FOUND + 1))
