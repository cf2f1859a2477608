"""Categories, tags and authors, and how many public posts each has."""

from datetime import datetime

from msgspec import Struct


class AuthorDocument(Struct, frozen=True, gc=False):
    """An author, as shown with a post and on the author's page."""

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


class DirectoryEntry(Struct, frozen=True, gc=False):
    """An author, category or tag, and its number of public posts."""

    slug: str
    name: str
    posts: int = 0


class DirectoryDocument(Struct, frozen=True, gc=False):
    """One part of all authors, categories or tags, by slug.

    `next_publication` is the time of the next scheduled post: a count changes then.
    """

    entries: tuple[DirectoryEntry, ...]
    next_publication: datetime | None = None


class DirectoryIndex(Struct, frozen=True, gc=False):
    """The number of all authors, categories or tags, and the first slug of each part of them."""

    total: int = 0
    starts: tuple[str, ...] = ()


class TermCount(Struct, frozen=True, gc=False):
    """A category or tag, and its number of public posts."""

    slug: str
    name: str
    url: str
    posts: int


class SidebarDocument(Struct, frozen=True, gc=False):
    """The sidebar of every page: the categories and the most used tags, each with its count of posts."""

    categories: tuple[TermCount, ...] = ()
    tags: tuple[TermCount, ...] = ()
    next_publication: datetime | None = None
