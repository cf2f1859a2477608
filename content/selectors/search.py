"""Full-text search over posts and pages, best first."""

from typing import Any

from django.db.models.functions import Substr
from django.utils import timezone

from content.caching import NotThere
from content.documents import SearchDocument, SearchHit
from content.models import Post, PostQuerySet
from content.models.search_match import Matches
from content.rendering import Wanted, make_excerpt, marked, snippet, words_of
from content.selectors.ranking import MOST_FOUND, best_ids

# More than these are not told apart: the newest.
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
    """One page of what is public and matches: two to four queries."""
    words = words_of(text)
    found = await best_ids(Post.objects.public(timezone.now()), words) if words else []
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
