from datetime import datetime

from msgspec import Struct

from content.documents.language import direction


class PersonDocument(Struct, frozen=True, gc=False):
    """An author, as named beside a post and on a page of their own."""

    id: int
    slug: str
    name: str
    bio: str = ""

    @property
    def url(self) -> str:
        return f"/authors/{self.slug}/"


class TermDocument(Struct, frozen=True, gc=False):
    """A category or a tag; `kind` is "categories" or "tags", as in its path."""

    id: int
    kind: str
    slug: str
    name: str
    description: str = ""

    @property
    def url(self) -> str:
        return f"/{self.kind}/{self.slug}/"


class CoverDocument(Struct, frozen=True, gc=False):
    """A cover image: its URL on this site and its size in pixels, where known."""

    id: int
    url: str
    alt: str = ""
    width: int | None = None
    height: int | None = None


class ContentsEntry(Struct, frozen=True, gc=False):
    """A heading of a long post, by the id that leads to it, and those below it."""

    anchor: str
    title: str
    parts: tuple["ContentsEntry", ...] = ()


class PostCard(Struct, frozen=True, gc=False):
    """A post as it stands in a list."""

    id: int
    url: str
    title: str
    excerpt: str
    published_at: datetime
    language: str = "en"
    reading_minutes: int = 1
    cover: CoverDocument | None = None
    authors: tuple[PersonDocument, ...] = ()
    category: TermDocument | None = None
    tags: tuple[TermDocument, ...] = ()

    @property
    def direction(self) -> str:
        return direction(self.language)

    @property
    def slug(self) -> str:
        return slug_in(self.url)


class PostDocument(Struct, frozen=True, gc=False):
    """A post or page, whole. `html` is sanitised, laid out and safe to show.

    `contents` are empty where a reader needs none; `pictures` are the ids of the media files that the body shows.
    `standfirst` is the excerpt where it says what the body does not begin with: nobody reads the same words twice.
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
    authors: tuple[PersonDocument, ...] = ()
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
    """The last word of a path: `/posts/first/` has the slug `first`."""
    return url.rstrip("/").rpartition("/")[2]
