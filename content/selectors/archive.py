from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from content.caching import NotThere
from content.documents import ArchiveDocument, MonthCount
from content.documents.archive import ALL_YEARS, YEARS
from content.selectors.calendar import month_span, year_span
from content.selectors.months import ALL, counts_of, first_moment, month_after, month_before
from content.selectors.rows import fetch, instant, moment

LISTED = "FROM content_listedpost l WHERE l.kind = 'all' AND l.term = 0"
# Of each month by the site's clock its newest post, and how many posts stand between its first moment and UTC's.
NEWEST = f"""
SELECT m.column1,
    (SELECT {{instant}} {LISTED} AND l.published_at >= m.column2 AND l.published_at < m.column3
        ORDER BY l.published_at DESC LIMIT 1),
    {{moved}}
FROM (VALUES {{rows}}) m
"""  # noqa: S608
MOVED = f"(SELECT count(*) {LISTED} AND l.published_at >= m.column4 AND l.published_at < m.column5)"

MOMENT = timedelta(microseconds=1)


async def archive(year: int) -> ArchiveDocument:
    """Months with counts of public posts, of a year or of ALL_YEARS: two queries. A year without any is not there."""
    now = timezone.now()
    counts, ahead_of = await counts_of([ALL], now)
    ahead = ahead_of[ALL]
    months = await local_months(counts[ALL], year, now)
    upcoming = joins_next(year, ahead)
    if year != ALL_YEARS and not months:
        raise NotThere(f"nothing in {year}", until=upcoming)
    return ArchiveDocument(months=months, next_publication=upcoming)


async def archives(years: Sequence[int]) -> dict[int, ArchiveDocument]:
    """As archive, for many: two queries."""
    now = timezone.now()
    counts, ahead_of = await counts_of([ALL], now)
    ahead = ahead_of[ALL]
    everything = await local_months(counts[ALL], ALL_YEARS, now)
    found = {}
    for year in years:
        months = tuple(month for month in everything if year in (ALL_YEARS, month.year))
        if months or year == ALL_YEARS:
            found[year] = ArchiveDocument(months=months, next_publication=joins_next(year, ahead))
    return found


async def local_months(by_utc: dict[int, int], year: int, now: datetime) -> tuple[MonthCount, ...]:
    """Newest first, by the site's clock: one query."""
    numbers = {near for month in by_utc for near in (month_before(month), month, month_after(month))}
    wanted = sorted(month for month in numbers if month // 100 in YEARS and year in (ALL_YEARS, month // 100))
    if not wanted:
        return ()
    edges = sorted({edge for month in wanted for edge in (month, month_after(month))})
    is_utc = all(month_span(month)[0] == first_moment(month) for month in edges)
    # None later than now, and no second condition says so: SQLite would begin at the newest post of all.
    last = now + MOMENT
    spans = {month: [*month_span(month), *(() if is_utc else shift_of(month))] for month in edges}
    value = "%s::timestamptz" if connection.vendor == "postgresql" else "%s"
    row = f"({', '.join(['%s', *[value] * (2 if is_utc else 4)])})"
    sql = NEWEST.format(
        instant=instant("l.published_at"), moved="0" if is_utc else MOVED, rows=", ".join([row] * len(edges))
    )
    rows = await fetch(sql, [each for month in edges for each in (month, *(min(at, last) for at in spans[month]))])
    newest = {month: moment(at) for month, at, _ in rows}
    # What the site's month has and UTC's month of that name has not; below 0, the other way round.
    moved = {month: between if begins_before_utc(month) else -between for month, _, between in rows}
    counts = {month: by_utc.get(month, 0) + moved[month] - moved[month_after(month)] for month in wanted}
    return tuple(
        MonthCount(month // 100, month % 100, posts, at)
        for month, posts in sorted(counts.items(), reverse=True)
        if posts > 0 and (at := newest[month]) is not None
    )


def shift_of(month: int) -> list[datetime]:
    """Its first moments by the site's clock and by UTC, in the order of time."""
    return sorted((month_span(month)[0], first_moment(month)))


def begins_before_utc(month: int) -> bool:
    return month_span(month)[0] < first_moment(month)


def joins_next(year: int, ahead: Sequence[datetime]) -> datetime | None:
    """When the next scheduled post joins that archive."""
    if year == ALL_YEARS:
        return ahead[0] if ahead else None
    since, until = year_span(year)
    return next((at for at in ahead if since <= at < until), None)
