"""Full-text search over posts and pages, best first."""

from typing import Any

from django.db.models.functions import Substr
from django.utils import timezone

from content.caching import NotThere
from content.documents import SearchDocument, SearchHit, SequenceDocument, microseconds
from content.models import ListedPost, Post, PostQuerySet
from content.models.search_match import Matches
from content.rendering import Wanted, make_excerpt, marked, snippet, words_of
from content.selectors.months import ALL, next_publication
from content.selectors.ranking import MOST_FOUND, best_ids

# More than these are not told apart: the newest.
MOST_MATCHING = 10_000
# Characters of a body in which words are looked for, to be shown.
SHOWN_FROM = 20_000


def matching(posts: PostQuerySet, text: str) -> PostQuerySet:
    """Those that have all the words of a reader's query, whatever it is; none of them for one without words."""
    words = words_of(text)
    return posts.filter(Matches(words)) if words else posts.none()


async def newest_matching(text: str, category: int, tag: int, author: int) -> SequenceDocument:
    """The newest 10,000 posts with all these words that are in each of these lists; 0 and "" ask for nothing."""
    now = timezone.now()
    lists = [(kind, pk) for kind, pk in (("category", category), ("tag", tag), ("author", author)) if pk]
    first, *others = lists or [ALL]
    places = ListedPost.objects.of(*first).public(now)
    for other in others:
        places = places.filter(post__in=ListedPost.objects.of(*other).values("post"))
    if text:
        places = places.filter(post__in=matching(Post.objects.all(), text).values("pk"))
    rows = places.newest_first().values_list("post_id", "published_at")[:MOST_MATCHING]
    found = [row async for row in rows]
    return SequenceDocument(
        ids=tuple(pk for pk, _ in found),
        times=tuple(microseconds(at) for _, at in found),
        next_publication=await next_publication(now),
    )


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
