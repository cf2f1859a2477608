from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from django.db.models import Count, Window
from django.db.models.functions import RowNumber

from content.documents import CommentDocument, ThreadDocument
from content.models import Comment

# The most that one page shows: comments, and characters of their HTML.
MOST_SHOWN = 500
LONGEST_THREAD = 1_000_000
# Deeper replies are shown at this depth, so that lines do not become too short to read.
DEEPEST = 4


async def load_thread(post: int) -> ThreadDocument:
    """The approved comments of a post, public or not: one query."""
    approved = Comment.objects.filter(post=post, status=Comment.Status.APPROVED)
    latest = approved.annotate(total=Window(Count("pk"))).order_by("-created_at", "-pk").defer("body")[:MOST_SHOWN]
    return make_thread([row async for row in latest])


async def load_threads(posts: Sequence[int]) -> dict[int, ThreadDocument]:
    """Like load_thread, for many posts: one query."""
    approved = Comment.objects.filter(post__in=posts, status=Comment.Status.APPROVED).defer("body")
    numbered = approved.annotate(
        total=Window(Count("pk"), partition_by="post"),
        place=Window(RowNumber(), partition_by="post", order_by=("-created_at", "-pk")),
    )
    rows: dict[int, list[Comment]] = {post: [] for post in posts}
    async for row in numbered.filter(place__lte=MOST_SHOWN).order_by("post", "place"):
        rows[row.post_id].append(row)
    return {post: make_thread(latest) for post, latest in rows.items()}


def make_thread(latest: Sequence[Comment]) -> ThreadDocument:
    total: int = getattr(latest[0], "total", 0) if latest else 0
    shown = {row.pk: row for row in reversed(list(take_shown(latest)))}
    return ThreadDocument(comments=tuple(make_comments(shown)), total=total)


def take_shown(rows: Iterable[Comment]) -> Iterator[Comment]:
    """Take the first rows up to the bound of characters; at least one row."""
    length = 0
    for row in rows:
        length += len(row.html)
        if length > LONGEST_THREAD and length > len(row.html):
            return
        yield row


def make_comments(shown: dict[int, Comment]) -> Iterator[CommentDocument]:
    """A reply to a comment that is not shown (deleted, rejected or too old) begins a conversation."""
    for pk, depth in order_by_conversation({pk: row.parent_id for pk, row in shown.items()}).items():
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


def order_by_conversation(parents: Mapping[int, int | None]) -> dict[int, int]:
    """Order comments so that each reply follows its parent; the value is the depth. `parents` are in order of time.

    A comment begins a conversation if its parent is not among them, or if its replies form a ring.
    """
    replies: dict[int | None, list[int]] = defaultdict(list)
    for pk, parent in parents.items():
        replies[parent if parent in parents else None].append(pk)
    placed: dict[int, int] = {}
    for beginning in [*replies[None], *parents]:
        waiting = [(beginning, 0)]
        while waiting:
            pk, depth = waiting.pop()
            if pk not in placed:
                placed[pk] = depth
                waiting += [(reply, depth + 1) for reply in reversed(replies[pk])]
    return placed
