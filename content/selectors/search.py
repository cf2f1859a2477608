"""Full-text search over posts and pages, best first."""

from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Substr
from django.utils import timezone

from content.caching import NotThere
from content.documents import SearchDocument, SearchHit
from content.models import Post, PostQuerySet
from content.models.search_match import Matches, Rank, fts5_query
from content.rendering import Wanted, make_excerpt, marked, snippet, words_of

# More than these nobody reads; PostgreSQL ranks no more than the newest of them, since it fetches each row for that.
MOST_FOUND = 1000
MOST_MATCHING = 10_000
# Characters of a body in which words are looked for, to be shown.
SHOWN_FROM = 20_000


def matching(posts: PostQuerySet, text: str) -> PostQuerySet:
    """Those that have all the words of a reader's query, whatever it is; none of them for one without words."""
    words = words_of(text)
    return posts.filter(Matches(words)) if words else posts.none()


async def matching_ids(text: str) -> tuple[int, ...]:
    """The newest 10,000 posts with all these words."""
    posts = matching(Post.objects.public(timezone.now()).posts(), text).order_by("-published_at", "-pk")
    return tuple([pk async for pk in posts.values_list("pk", flat=True)[:MOST_MATCHING]])


async def search(text: str, page: int, size: int) -> SearchDocument:
    """One page of what is public and matches: two queries."""
    words = words_of(text)
    found = await best_ids(words) if words else []
    total = min(len(found), MOST_FOUND)
    shown = found[:total][(page - 1) * size : page * size]
    if not shown and page > 1:
        raise NotThere(f"no page {page}")
    return SearchDocument(
        hits=await hits(shown, Wanted.of(words)),
        page=page,
        pages=max(1, -(-total // size)),
        total=total,
        is_more=len(found) > total,
    )


async def best_ids(words: tuple[str, ...]) -> list[int]:
    """Up to one more than the most: whether there are more."""
    posts = ranked(Post.objects.public(timezone.now()), words)
    return [pk async for pk in posts.values_list("pk", flat=True)[: MOST_FOUND + 1]]


def ranked(posts: PostQuerySet, words: tuple[str, ...]) -> QuerySet[Post]:
    """Best first, then newest first."""
    if connection.vendor == "postgresql":
        newest = posts.filter(Matches(words)).order_by("-published_at", "-pk")[: MOST_FOUND + 1]
        return Post.objects.filter(pk__in=newest.values("pk")).order_by(Rank(words).desc(), "-published_at", "-pk")
    # A virtual table is no model, and has its rank only where it is searched itself.
    return posts.extra(
        tables=["post_search"],
        where=["post_search MATCH %s", "post_search.rowid = content_post.id"],
        params=[fts5_query(words)],
        order_by=["post_search.rank", "-published_at", "-id"],
    )


async def hits(pks: list[int], wanted: Wanted) -> tuple[SearchHit, ...]:
    shown = Post.objects.filter(pk__in=pks).only("kind", "slug", "title", "excerpt", "published_at", "language")
    with_text = shown.annotate(shown_from=Substr("text", 1, SHOWN_FROM))
    by_pk = {post.pk: hit(post, wanted) async for post in with_text}
    return tuple(by_pk[pk] for pk in pks if pk in by_pk)


def hit(post: Any, wanted: Wanted) -> SearchHit:
    """Where the body shows none of the words, the excerpt stands for it."""
    text: str = post.shown_from
    return SearchHit(
        id=post.pk,
        kind=post.kind,
        url=post.get_absolute_url(),
        title=post.title,
        heading=marked(post.title, wanted),
        snippet=snippet(text, wanted) or marked(post.excerpt or make_excerpt(text), wanted),
        published_at=post.published_at,
        language=post.language,
    )
