from collections.abc import Iterable, Iterator, Sequence

from django.db.models import Count, Window
from django.db.models.functions import RowNumber

from content.documents import CommentDocument, ThreadDocument
from content.models import Comment
from content.selectors.conversation import depths

# The latest that one page shows, in number and in characters of their HTML.
MOST_SHOWN = 500
LONGEST_THREAD = 1_000_000
# Whoever answers deeper is shown at this depth: lines must not become too short to read.
DEEPEST = 4


async def thread(post: int) -> ThreadDocument:
    """One query for any number of comments. Whether the post itself is public is the caller's to know."""
    approved = Comment.objects.filter(post=post, status=Comment.Status.APPROVED)
    latest = approved.annotate(total=Window(Count("pk"))).order_by("-created_at", "-pk").defer("body")[:MOST_SHOWN]
    return document_of([row async for row in latest])


async def threads(posts: Sequence[int]) -> dict[int, ThreadDocument]:
    """As thread, for many: one query."""
    approved = Comment.objects.filter(post__in=posts, status=Comment.Status.APPROVED).defer("body")
    numbered = approved.annotate(
        total=Window(Count("pk"), partition_by="post"),
        place=Window(RowNumber(), partition_by="post", order_by=("-created_at", "-pk")),
    )
    rows: dict[int, list[Comment]] = {post: [] for post in posts}
    async for row in numbered.filter(place__lte=MOST_SHOWN).order_by("post", "place"):
        rows[row.post_id].append(row)
    return {post: document_of(latest) for post, latest in rows.items()}


def document_of(latest: Sequence[Comment]) -> ThreadDocument:
    total: int = getattr(latest[0], "total", 0) if latest else 0
    shown = {row.pk: row for row in reversed(list(within_bounds(latest)))}
    return ThreadDocument(comments=tuple(in_order(shown)), total=total)


def within_bounds(rows: Iterable[Comment]) -> Iterator[Comment]:
    """At least one."""
    length = 0
    for row in rows:
        length += len(row.html)
        if length > LONGEST_THREAD and length > len(row.html):
            return
        yield row


def in_order(shown: dict[int, Comment]) -> Iterator[CommentDocument]:
    """A reply to what is not shown, deleted or rejected or too old, begins a conversation."""
    for pk, depth in depths({pk: row.parent_id for pk, row in shown.items()}).items():
        row = shown[pk]
        parent = shown[row.parent_id] if depth and row.parent_id else None
        yield CommentDocument(
            id=pk,
            author_name=row.author_name,
            html=row.html,
            created_at=row.created_at,
            parent=parent.pk if parent else None,
            parent_name=parent.author_name if parent else "",
            depth=min(depth, DEEPEST),
        )
