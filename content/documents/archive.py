from datetime import date, datetime

from msgspec import Struct

# In the place of a year.
ALL_YEARS = 0
# Those that can be told as moments in every time zone. What was published in others is in no archive.
YEARS = range(1000, 9999)


class MonthCount(Struct, frozen=True, gc=False):
    """A month of the site's calendar with its public posts: how many, and the time of the newest."""

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
    """The months in which something was published, newest first: of one year or of all."""

    months: tuple[MonthCount, ...] = ()
    next_publication: datetime | None = None
