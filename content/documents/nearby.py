from datetime import datetime

from msgspec import Struct


class RelatedDocument(Struct, frozen=True, gc=False):
    """Posts that share something with a post: ids, closest first, and the terms by which they were found.

    `next_publication` is when one more may be among them.
    """

    ids: tuple[int, ...] = ()
    category: int | None = None
    tags: tuple[int, ...] = ()
    next_publication: datetime | None = None


class NeighboursDocument(Struct, frozen=True, gc=False):
    """The posts before and after a post in time: their ids, and the months (year, month) that lie between them.

    `next_publication` is when the newest post gets one after it.
    """

    previous: int | None = None
    next: int | None = None
    months: tuple[tuple[int, int], ...] = ()
    next_publication: datetime | None = None
