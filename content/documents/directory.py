from datetime import datetime

from msgspec import Struct


class DirectoryEntry(Struct, frozen=True, gc=False):
    """An author, category or tag, and how many public posts it has."""

    slug: str
    name: str
    posts: int = 0


class DirectoryDocument(Struct, frozen=True, gc=False):
    """All authors, categories or tags, in the order of their slugs.

    `next_publication` is when the counts change by themselves.
    """

    entries: tuple[DirectoryEntry, ...]
    next_publication: datetime | None = None
