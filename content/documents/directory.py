from datetime import datetime

from msgspec import Struct


class DirectoryEntry(Struct, frozen=True, gc=False):
    """An author, category or tag, and how many public posts it has."""

    slug: str
    name: str
    posts: int = 0


class DirectoryDocument(Struct, frozen=True, gc=False):
    """Authors, categories or tags in the order of their slugs: one part of them.

    `next_publication` is when the counts change by themselves.
    """

    entries: tuple[DirectoryEntry, ...]
    next_publication: datetime | None = None


class DirectoryIndex(Struct, frozen=True, gc=False):
    """How all authors, categories or tags are cut into parts: their number, and the first slug of each part."""

    total: int = 0
    starts: tuple[str, ...] = ()
