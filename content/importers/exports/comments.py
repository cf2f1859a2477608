"""Comments of an export, thread by thread."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby

from content.exporters.records import COMMENT_COLUMNS, CommentRecord
from content.importers.errors import BadFile
from content.importers.report import Counts
from content.models import Comment, Post
from content.rendering import BodyTooLarge, render_comment

Identity = tuple[datetime, str]
Thread = tuple[str, list[CommentRecord]]


def threads(records: Iterable[CommentRecord]) -> Iterator[Thread]:
    """The comments of each post, as an export has them: together."""
    for post, comments in groupby(records, key=lambda record: record.post):
        yield post, list(comments)


def can_be_shown(record: CommentRecord) -> CommentRecord:
    """Raises BadFile for what is too long to be rendered."""
    try:
        render_comment(record.body)
    except BodyTooLarge as error:
        raise BadFile(str(error)) from error
    return record


def write_threads(batch: Sequence[Thread]) -> Counts:
    """Within a transaction of the caller's. Raises ValueError for comments on a post that is not there."""
    posts = dict(Post.objects.filter(slug__in=[slug for slug, _ in batch]).values_list("slug", "pk"))
    counts = Counts()
    for slug, records in batch:
        if slug not in posts:
            raise ValueError(f"there is no post {slug!r}")
        counts += ThreadRestore(posts[slug], records).run()
    return counts


class ThreadRestore:
    """The comments of one post.

    Nothing but its time and its writer's name tells a comment from others: two that share both are taken in order.
    """

    def __init__(self, post: int, records: Sequence[CommentRecord]) -> None:
        self.post = post
        self.records = records
        waiting: dict[Identity, list[Comment]] = defaultdict(list)
        for comment in Comment.objects.filter(post=post).order_by("-pk"):
            waiting[comment.created_at, comment.author_name].append(comment)
        self.known = {
            record.id: found.pop()
            for record in records
            if (found := waiting.get((record.created_at, record.author_name)))
        }
        if len({record.id for record in records}) != len(records):
            raise ValueError("two comments have the same id")

    def run(self) -> Counts:
        created = {record.id: self.new(record) for record in self.records if record.id not in self.known}
        Comment.objects.bulk_create(created.values())
        self.rows = self.known | created
        updated = [self.rows[record.id] for record in self.records if self.update(record)]
        Comment.objects.bulk_update(updated, [*COMMENT_COLUMNS, "html", "parent"])
        changed = sum(comment.pk not in {row.pk for row in created.values()} for comment in updated)
        return Counts(len(created), changed, len(self.known) - changed)

    def new(self, record: CommentRecord) -> Comment:
        values = {name: getattr(record, name) for name in COMMENT_COLUMNS}
        return Comment(post_id=self.post, html=render_comment(record.body), **values)

    def update(self, record: CommentRecord) -> bool:
        """Whether its row differs, which it then does no more. Parents are known by now, in whatever order."""
        comment, parent = self.rows[record.id], self.rows.get(record.parent or 0)
        wanted = {name: getattr(record, name) for name in COMMENT_COLUMNS} | {
            "parent_id": parent.pk if parent else None
        }
        if all(getattr(comment, name) == value for name, value in wanted.items()):
            return False
        for name, value in wanted.items():
            setattr(comment, name, value)
        comment.html = render_comment(comment.body)
        return True
