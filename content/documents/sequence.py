from datetime import MAXYEAR, UTC, datetime, timedelta

from msgspec import Struct

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Posts in a window at most.
WINDOW = 1_000
# Of a period: smaller numbers are years.
FIRST_MONTH = 10_000


def microseconds(moment: datetime) -> int:
    """Since the Unix epoch, exactly: a float has not the digits."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def first_moment(year: int, month: int = 1) -> datetime:
    """Of a month of UTC; the last moment of all for one that no datetime can tell."""
    return datetime(year, month, 1, tzinfo=UTC) if year <= MAXYEAR else datetime.max.replace(tzinfo=UTC)


class SequenceDocument(Struct, frozen=True, gc=False):
    """Some of a list of posts, newest first: ids, and beside them when each was published, in Unix microseconds.

    `next_publication` is when the list changes by itself.
    """

    ids: tuple[int, ...]
    times: tuple[int, ...]
    next_publication: datetime | None = None


class Period(Struct, frozen=True, array_like=True, gc=False):
    """A year of UTC (2018) or, where that has too many posts for one window, a part of a month (201805), from 0."""

    number: int
    part: int
    posts: int

    @property
    def span(self) -> tuple[datetime, datetime]:
        """From the first moment to the first one after."""
        if self.number < FIRST_MONTH:
            return first_moment(self.number), first_moment(self.number + 1)
        year, month = divmod(self.number, 100)
        return first_moment(year, month), first_moment(year + month // 12, month % 12 + 1)


class PeriodsDocument(Struct, frozen=True, gc=False):
    """How a list of posts is cut into windows, newest first."""

    periods: tuple[Period, ...] = ()
    next_publication: datetime | None = None
