"""Years and months of the site's time zone, as spans of time: from the first moment to the first one after."""

from datetime import datetime

from django.utils import timezone

Span = tuple[datetime, datetime]


def year_span(year: int) -> Span:
    return first_moment(year, 1), first_moment(year + 1, 1)


def month_span(number: int) -> Span:
    """number: 201805 for May 2018."""
    year, month = divmod(number, 100)
    return first_moment(year, month), first_moment(year + month // 12, month % 12 + 1)


def first_moment(year: int, month: int) -> datetime:
    return datetime(year, month, 1, tzinfo=timezone.get_default_timezone())
