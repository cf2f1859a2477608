from datetime import UTC, datetime, timedelta

from msgspec import Struct

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    """Since the Unix epoch, exactly: a float has not the digits."""
    return (moment - EPOCH) // timedelta(microseconds=1)


class SequenceDocument(Struct, frozen=True, gc=False):
    """All of a list of posts, newest first: ids, and beside them when each was published, in Unix microseconds.

    Whoever has it can page through the list, from any place in either order, without asking the database.
    `next_publication` is when the list changes by itself.
    """

    ids: tuple[int, ...]
    times: tuple[int, ...]
    next_publication: datetime | None = None
