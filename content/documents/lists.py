"""Lists of posts: pages, windows, archives and search results.

`next_publication` is the time of the next scheduled post in a list: the list changes then without a write.
"""

from datetime import MAXYEAR, UTC, date, datetime, timedelta

from msgspec import Struct

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The most posts in a window.
WINDOW = 1_000
# The smallest number of a period that is a month; smaller numbers are years.
FIRST_MONTH = 10_000
# Stands for a year in the parameters of the archive of all years.
ALL_YEARS = 0
# Years that datetimes of every time zone can express. Archives list no other years.
YEARS = range(1000, 9999)


def microseconds(moment: datetime) -> int:
    """Microseconds since the Unix epoch, exactly; a float has too few digits."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def first_moment(year: int, month: int = 1) -> datetime:
    """The first moment of a month of UTC; the last datetime of all for months after the year 9999."""
    return datetime(year, month, 1, tzinfo=UTC) if year <= MAXYEAR else datetime.max.replace(tzinfo=UTC)


class ListingDocument(Struct, frozen=True, gc=False):
    """One page of a list of posts: ids, newest first. Cards are entries of their own."""

    ids: tuple[int, ...]
    page: int
    pages: int
    total: int
    next_publication: datetime | None = None


class SequenceDocument(Struct, frozen=True, gc=False):
    """A run of posts in a list, newest first: ids, and their times of publication in Unix microseconds."""

    ids: tuple[int, ...]
    times: tuple[int, ...]
    next_publication: datetime | None = None


class Period(Struct, frozen=True, array_like=True, gc=False):
    """A year of UTC (2018). If the year has too many posts for one window: a part, from 0, of a month (201805)."""

    number: int
    part: int
    posts: int

    @property
    def span(self) -> tuple[datetime, datetime]:
        """The span, from its first moment to the first moment after it."""
        if self.number < FIRST_MONTH:
            return first_moment(self.number), first_moment(self.number + 1)
        year, month = divmod(self.number, 100)
        return first_moment(year, month), first_moment(year + month // 12, month % 12 + 1)


class PeriodsDocument(Struct, frozen=True, gc=False):
    """The windows of a list of posts, newest first."""

    periods: tuple[Period, ...] = ()
    next_publication: datetime | None = None


class MonthCount(Struct, frozen=True, gc=False):
    """A month of the site's calendar: the number of its public posts, and the time of the newest."""

    year: int
    month: int
    posts: int
    newest: datetime

    @property
    def first_day(self) -> date:
        return date(self.year, self.month, 1)

    @property
    def url(self) -> str:
        return f"/archive/{self.year:04}/{self.month:02}/"


class ArchiveDocument(Struct, frozen=True, gc=False):
    """The months with public posts, of one year or of all; newest first."""

    months: tuple[MonthCount, ...] = ()
    next_publication: datetime | None = None


class SearchHit(Struct, frozen=True, gc=False):
    """A post or page that matches. `heading` and `snippet` are safe HTML, with `<mark>` and no other element."""

    id: int
    kind: str
    url: str
    title: str
    heading: str
    snippet: str
    published_at: datetime
    language: str = "en"


class SearchDocument(Struct, frozen=True, gc=False):
    """One page of search results, best first. `total` stops at 1,000; `is_more` if more posts match."""

    hits: tuple[SearchHit, ...]
    page: int
    pages: int
    total: int
    is_more: bool = False
