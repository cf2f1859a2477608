from datetime import datetime

from msgspec import Struct


class ListingDocument(Struct, frozen=True, gc=False):
    """One page of a list of posts: ids, newest first; the cards are entries of their own.

    `next_publication` is when the list changes by itself: the time of the next scheduled post in it.
    """

    ids: tuple[int, ...]
    page: int
    pages: int
    total: int
    next_publication: datetime | None = None
