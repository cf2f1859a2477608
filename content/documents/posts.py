"""Posts and pages, and the comments of a post."""

from datetime import datetime

from msgspec import Struct

from content.documents.site import direction
from content.documents.terms import AuthorDocument, TermDocument


class CoverDocument(Struct, frozen=True, gc=False):
    """A cover image: its URL on this site and, if known, its size in pixels."""

    id: int
    url: str
    alt: str = ""
    width: int | None = None
    height: int | None = None


class ContentsEntry(Struct, frozen=True, gc=False):
    """A heading of a long post: the id that links lead to, and the headings below it."""

    anchor: str
    title: str
    parts: tuple["ContentsEntry", ...] = ()


class PostCard(Struct, frozen=True, gc=False):
    """A post as lists show it."""

    id: int
    url: str
    title: str
    excerpt: str
    published_at: datetime
    language: str = "en"
    reading_minutes: int = 1
    cover: CoverDocument | None = None
    authors: tuple[AuthorDocument, ...] = ()
    category: TermDocument | None = None
    tags: tuple[TermDocument, ...] = ()

    @property
    def direction(self) -> str:
        return direction(self.language)

    @property
    def slug(self) -> str:
        return slug_in(self.url)


class PostDocument(Struct, frozen=True, gc=False):
    """A complete post or page. `html` is sanitised, laid out and safe to show.

    `contents` are empty for short posts; `pictures` are the ids of the media files that the body shows.
    `standfirst` is the excerpt, or empty if the body begins with the same words.
    """

    id: int
    kind: str
    url: str
    title: str
    excerpt: str
    html: str
    published_at: datetime
    updated_at: datetime
    language: str = "en"
    reading_minutes: int = 1
    cover: CoverDocument | None = None
    authors: tuple[AuthorDocument, ...] = ()
    category: TermDocument | None = None
    tags: tuple[TermDocument, ...] = ()
    comments_open: bool = True
    contents: tuple[ContentsEntry, ...] = ()
    pictures: tuple[int, ...] = ()
    has_code: bool = False
    standfirst: str = ""

    @property
    def direction(self) -> str:
        return direction(self.language)

    @property
    def slug(self) -> str:
        return slug_in(self.url)


def slug_in(url: str) -> str:
    """The last segment of a path: `/posts/first/` has the slug `first`."""
    return url.rstrip("/").rpartition("/")[2]


class RelatedDocument(Struct, frozen=True, gc=False):
    """Posts that share a category or tags with a post: their ids, closest first, and the post's terms.

    `next_publication` is the time of the next scheduled post, which may be one of them.
    """

    ids: tuple[int, ...] = ()
    category: int | None = None
    tags: tuple[int, ...] = ()
    next_publication: datetime | None = None


class NeighboursDocument(Struct, frozen=True, gc=False):
    """The posts before and after a post in time: their ids, and the months (year, month) between them.

    `next_publication` is set for the newest post: the time when it gets a next one.
    """

    previous: int | None = None
    next: int | None = None
    months: tuple[tuple[int, int], ...] = ()
    next_publication: datetime | None = None


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
