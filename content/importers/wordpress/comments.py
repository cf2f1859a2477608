"""The comments of a batch of items. One that is here stays as it is: moderators here have the last word."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from content.importers.report import ImportReport
from content.importers.wordpress.comment_text import comment_text
from content.importers.wordpress.draft import moment_of
from content.importers.wordpress.item import Item
from content.importers.wordpress.records import Record
from content.importers.wordpress.titles import plain_title
from content.models import Comment, Post
from content.rendering import BodyTooLarge, render_comment

STATUSES = {"1": Comment.Status.APPROVED, "0": Comment.Status.PENDING}
LONGEST_NAME = 100
LONGEST_EMAIL = 254
NAMELESS = "Anonymous"


@dataclass(frozen=True)
class Said:
    """One comment of an export: its name in later runs, and that of what it answers."""

    name: str
    answers: str
    comment: Comment


def write_comments(items: Sequence[tuple[str, Item]], report: ImportReport, now: datetime) -> None:
    """Each item with its post's name. What is no reader's word, or not to be judged, is counted and left out."""
    posts = dict(Post.objects.filter(source_path__in=[name for name, _ in items]).values_list("source_path", "pk"))
    for name, item in items:
        if name in posts:
            said = [one for record in item.comments if (one := read(record, name, posts[name], report, now))]
            if said:
                write_thread(posts[name], said, report)


def read(record: Record, name: str, post: int, report: ImportReport, now: datetime) -> Said | None:
    status = STATUSES.get(record.value("wp:comment_approved"))
    if status is None or record.value("wp:comment_type") not in ("", "comment"):
        report.comments_left_out += 1
        return None
    try:
        body = comment_text(record.value("wp:comment_content"))
        html = render_comment(body)
    except BodyTooLarge:
        body = html = ""
    if not body:
        report.comments_left_out += 1
        return None
    number, parent = record.value("wp:comment_id"), record.value("wp:comment_parent")
    comment = Comment(
        post_id=post,
        author_name=plain_title(record.value("wp:comment_author"))[:LONGEST_NAME].strip() or NAMELESS,
        author_email=record.value("wp:comment_author_email")[:LONGEST_EMAIL],
        body=body,
        html=html,
        status=status,
        created_at=moment_of(record, "wp:comment_date_gmt", "wp:comment_date") or now,
        source_path=f"{name}#comment-{number}",
    )
    answers = f"{name}#comment-{parent}" if parent not in ("", "0") else ""
    return Said(comment.source_path, answers, comment)


def write_thread(post: int, said: Sequence[Said], report: ImportReport) -> None:
    """Those that are new, level by level: a comment is there before what answers it.

    What answers a comment that was left out stands by itself.
    """
    known = dict(Comment.objects.filter(post=post).exclude(source_path="").values_list("source_path", "pk"))
    new = {one.name: one for one in said if one.name not in known}
    report.comments_unchanged += len(said) - len(new)
    if not new:
        return
    with transaction.atomic():
        for level in levels(new):
            for one in level:
                one.comment.parent_id = known.get(one.answers)
            Comment.objects.bulk_create([one.comment for one in level])
            known |= {one.name: one.comment.pk for one in level}
    report.comments += len(new)


def levels(new: dict[str, Said]) -> Iterator[list[Said]]:
    """By depth; those that answer each other in a circle begin a thread each."""
    waiting = dict(new)
    while waiting:
        level = [one for one in waiting.values() if one.answers not in waiting] or list(waiting.values())
        for one in level:
            del waiting[one.name]
        yield level
