"""Years and months as spans of time, from the first moment to the first one after. Months are numbers: 202605."""

from datetime import UTC, datetime, tzinfo
from functools import lru_cache

from django.utils import timezone

from content.documents import lists

Span = tuple[datetime, datetime]
# Beginnings of months. An archive of a hundred years needs 1,200.
MOST_REMEMBERED = 4096


def year_span(year: int) -> Span:
    """By the site's time zone, as month_span."""
    return site_moment(year, 1), site_moment(year + 1, 1)


def month_span(month: int) -> Span:
    year, number = divmod(month, 100)
    return site_moment(year, number), site_moment(year + number // 12, number % 12 + 1)


def site_moment(year: int, month: int) -> datetime:
    """The first moment of a month by the site's time zone, as a datetime of UTC."""
    return moment_in(timezone.get_default_timezone(), year, month)


@lru_cache(maxsize=MOST_REMEMBERED)
def moment_in(zone: tzinfo, year: int, month: int) -> datetime:
    return datetime(year, month, 1, tzinfo=zone).astimezone(UTC)


def utc_moment(month: int) -> datetime:
    """The first moment of a month by UTC."""
    return lists.first_moment(*divmod(month, 100))


def month_of(moment: datetime) -> int:
    """The month by UTC."""
    utc = moment.astimezone(UTC)
    return utc.year * 100 + utc.month


def month_after(month: int) -> int:
    return month + 89 if month % 100 == 12 else month + 1


def month_before(month: int) -> int:
    return month - 89 if month % 100 == 1 else month - 1
