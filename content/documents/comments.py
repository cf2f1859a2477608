from datetime import datetime

from msgspec import Struct


class CommentDocument(Struct, frozen=True, gc=False):
    """A comment as readers see it. `html` is safe to show; there is no mail address here.

    `parent` is the comment it replies to, if that is shown. `depth` is 0 to 4; deeper replies stay at 4.
    """

    id: int
    author_name: str
    html: str
    created_at: datetime
    parent: int | None = None
    parent_name: str = ""
    depth: int = 0


class ThreadDocument(Struct, frozen=True, gc=False):
    """The approved comments of a post: each reply after the comment it replies to.

    `total` counts older comments too, which are not among `comments`.
    """

    comments: tuple[CommentDocument, ...] = ()
    total: int = 0

    def comment(self, pk: int) -> CommentDocument | None:
        return next((comment for comment in self.comments if comment.id == pk), None)
