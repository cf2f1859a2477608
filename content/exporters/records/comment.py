from content.exporters.records.record import Record
from content.exporters.records.times import Moment
from content.models import Comment


class CommentRecord(Record, frozen=True, kw_only=True):
    """A comment, its writer's mail address included.

    `post` is a slug; `id` and `parent` are numbers that say within one export who answers whom.
    """

    id: int
    post: str
    parent: int | None = None
    author_name: str
    author_email: str = ""
    status: str = "pending"
    created_at: Moment
    source_path: str = ""
    body: str


OWN_COLUMNS = tuple(name for name in CommentRecord.__struct_fields__ if name not in ("id", "post", "parent"))


def comment_record(comment: Comment) -> CommentRecord:
    return CommentRecord(
        id=comment.pk,
        post=comment.post.slug,
        parent=comment.parent_id,
        **{name: getattr(comment, name) for name in OWN_COLUMNS},
    )
