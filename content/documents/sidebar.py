from datetime import datetime

from msgspec import Struct


class TermCount(Struct, frozen=True, gc=False):
    """A category or tag, and how many public posts it has."""

    slug: str
    name: str
    url: str
    posts: int


class SidebarDocument(Struct, frozen=True, gc=False):
    """What stands beside every page: sections and the most used tags, each with its count of posts."""

    categories: tuple[TermCount, ...] = ()
    tags: tuple[TermCount, ...] = ()
    next_publication: datetime | None = None
