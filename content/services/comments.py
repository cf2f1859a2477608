"""What readers write, and what moderators make of it."""

from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from content.models import Comment, Post, SiteConfig
from content.services.errors import AlreadySaid, CommentsClosed, NoSuchPost

# The same words may be said again after a day.
SAME_WORDS = timedelta(days=1)
# Rows in one statement: databases bound the number of its parameters.
AT_ONCE = 1000


@transaction.atomic
def submit(
    post: int,
    *,
    author_name: str,
    body: str,
    author_email: str = "",
    reply_to: int | None = None,
    is_spam: bool = False,
) -> Comment:
    """A reader's comment, to be moderated: it is pending, or spam, and nobody sees it yet.

    A reply to what is not shown any more begins a conversation. Raises NoSuchPost, CommentsClosed, AlreadySaid.
    """
    check_open(post)
    comment = Comment(post_id=post, author_name=author_name, author_email=author_email, body=body)
    check_new(comment)
    comment.parent_id = shown(post, reply_to)
    comment.status = Comment.Status.SPAM if is_spam else Comment.Status.PENDING
    comment.save()
    return comment


def check_open(post: int) -> None:
    """Holds the post's row until the transaction ends: of two that say the same at once, the second is told."""
    public = Post.objects.public(timezone.now()).posts().select_for_update()
    is_open = public.filter(pk=post).values_list("comments_open", flat=True).first()
    if is_open is None:
        raise NoSuchPost(f"no public post {post}")
    if not is_open or SiteConfig.objects.filter(comments_open=False).exists():
        raise CommentsClosed(f"comments on post {post} are closed")


def check_new(comment: Comment) -> None:
    since = timezone.now() - SAME_WORDS
    same = Comment.objects.filter(post=comment.post_id, created_at__gt=since, author_name=comment.author_name)
    if same.filter(body=comment.body).exists():
        raise AlreadySaid(f"{comment.author_name} said so on post {comment.post_id}")


def shown(post: int, comment: int | None) -> int | None:
    if comment is None:
        return None
    approved = Comment.objects.filter(post=post, pk=comment, status=Comment.Status.APPROVED)
    return approved.values_list("pk", flat=True).first()


@transaction.atomic
def moderate(pks: Iterable[int], status: str) -> int:
    """Give those comments that status; how many had another.

    Raises ValueError for what is no status.
    """
    status, wanted = Comment.Status(status), sorted(set(pks))
    changed = 0
    for start in range(0, len(wanted), AT_ONCE):
        rows = changing(wanted[start : start + AT_ONCE], status)
        changed += Comment.objects.filter(pk__in=rows).update(status=status)
    return changed


def changing(pks: list[int], status: str) -> list[int]:
    """Those that have another status, locked."""
    rows = Comment.objects.select_for_update().filter(pk__in=pks).exclude(status=status).order_by("pk")
    return list(rows.values_list("pk", flat=True))
