"""Comments: submitted by readers, approved or rejected by moderators."""

from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from content.models import Comment, Post, SiteConfig

# The same comment is accepted again after a day.
DUPLICATE_WITHIN = timedelta(days=1)
# Rows in one statement: databases bound the number of parameters.
BATCH = 1000


class CommentRefused(Exception):
    """A comment is not accepted; the subclass says why."""


class NoSuchPost(CommentRefused):
    """There is no public post with that key."""


class CommentsClosed(CommentRefused):
    """Comments are closed on this post, or on the whole site."""


class AlreadySaid(CommentRefused):
    """The same author sent the same text to this post within a day."""


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
    """Store a reader's comment for moderation, as pending or spam.

    A reply to a comment that is not shown begins a conversation. Raises NoSuchPost, CommentsClosed, AlreadySaid.
    """
    check_open(post)
    comment = Comment(post_id=post, author_name=author_name, author_email=author_email, body=body)
    check_new(comment)
    comment.parent_id = find_approved_parent(post, reply_to)
    comment.status = Comment.Status.SPAM if is_spam else Comment.Status.PENDING
    comment.save()
    return comment


def check_open(post: int) -> None:
    """Lock the post's row until the transaction ends, so that of two equal comments at once the second is refused."""
    public = Post.objects.public(timezone.now()).posts().select_for_update()
    is_open = public.filter(pk=post).values_list("comments_open", flat=True).first()
    if is_open is None:
        raise NoSuchPost(f"no public post {post}")
    if not is_open or SiteConfig.objects.filter(comments_open=False).exists():
        raise CommentsClosed(f"comments on post {post} are closed")


def check_new(comment: Comment) -> None:
    since = timezone.now() - DUPLICATE_WITHIN
    same = Comment.objects.filter(post=comment.post_id, created_at__gt=since, author_name=comment.author_name)
    if same.filter(body=comment.body).exists():
        raise AlreadySaid(f"{comment.author_name} said so on post {comment.post_id}")


def find_approved_parent(post: int, comment: int | None) -> int | None:
    if comment is None:
        return None
    approved = Comment.objects.filter(post=post, pk=comment, status=Comment.Status.APPROVED)
    return approved.values_list("pk", flat=True).first()


@transaction.atomic
def moderate(pks: Iterable[int], status: str) -> int:
    """Set the status of those comments. Returns the number of comments that had another status.

    Raises ValueError for an unknown status.
    """
    status, wanted = Comment.Status(status), sorted(set(pks))
    changed = 0
    for start in range(0, len(wanted), BATCH):
        rows = lock_others(wanted[start : start + BATCH], status)
        changed += Comment.objects.filter(pk__in=rows).update(status=status)
    return changed


def lock_others(pks: list[int], status: str) -> list[int]:
    """Lock the comments that have another status."""
    rows = Comment.objects.select_for_update().filter(pk__in=pks).exclude(status=status).order_by("pk")
    return list(rows.values_list("pk", flat=True))
