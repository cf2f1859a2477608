from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from content.caching import NotThere
from content.documents import ALL_YEARS, YEARS, ArchiveDocument, MonthCount
from content.selectors.list_counts import (
    ALL,
    count_posts,
    month_after,
    month_before,
    month_span,
    utc_moment,
    year_span,
)
from content.selectors.sql import fetch, moment_column, parse_moment

LISTED = "FROM content_listedpost l WHERE l.kind = 'all' AND l.term = 0"
# For each month of the site's time zone: its newest post, and the posts between its first moment and UTC's.
NEWEST = f"""
SELECT m.column1,
    (SELECT {{newest_moment}} {LISTED} AND l.published_at >= m.column2 AND l.published_at < m.column3
        ORDER BY l.published_at DESC LIMIT 1),
    {{moved}}
FROM (VALUES {{rows}}) m
"""  # noqa: S608
MOVED = f"(SELECT count(*) {LISTED} AND l.published_at >= m.column4 AND l.published_at < m.column5)"

MOMENT = timedelta(microseconds=1)


async def load_archive(year: int) -> ArchiveDocument:
    """The months of a year, or of ALL_YEARS, with counts of public posts: two queries.

    Raises NotThere for a year without public posts.
    """
    now = timezone.now()
    counts, scheduled = await count_posts([ALL], now)
    months = await site_months(counts[ALL], year, now)
    upcoming = next_in_year(year, scheduled[ALL])
    if year != ALL_YEARS and not months:
        raise NotThere(f"nothing in {year}", until=upcoming)
    return ArchiveDocument(months=months, next_publication=upcoming)


async def load_archives(years: Sequence[int]) -> dict[int, ArchiveDocument]:
    """Like load_archive, for many years: two queries."""
    now = timezone.now()
    counts, scheduled = await count_posts([ALL], now)
    everything = await site_months(counts[ALL], ALL_YEARS, now)
    documents = {}
    for year in years:
        months = tuple(month for month in everything if year in (ALL_YEARS, month.year))
        if months or year == ALL_YEARS:
            documents[year] = ArchiveDocument(months=months, next_publication=next_in_year(year, scheduled[ALL]))
    return documents


async def site_months(by_utc: dict[int, int], year: int, now: datetime) -> tuple[MonthCount, ...]:
    """Turn counts by months of UTC into months of the site's time zone, newest first: one query."""
    numbers = {near for month in by_utc for near in (month_before(month), month, month_after(month))}
    wanted = sorted(month for month in numbers if month // 100 in YEARS and year in (ALL_YEARS, month // 100))
    if not wanted:
        return ()
    edges = sorted({edge for month in wanted for edge in (month, month_after(month))})
    is_utc = all(month_span(month)[0] == utc_moment(month) for month in edges)
    # Spans end now. A second condition would make SQLite begin at the newest post of all.
    last = now + MOMENT
    spans = {month: [*month_span(month), *(() if is_utc else both_moments(month))] for month in edges}
    value = "%s::timestamptz" if connection.vendor == "postgresql" else "%s"
    row = f"({', '.join(['%s', *[value] * (2 if is_utc else 4)])})"
    sql = NEWEST.format(
        newest_moment=moment_column("l.published_at"),
        moved="0" if is_utc else MOVED,
        rows=", ".join([row] * len(edges)),
    )
    rows = await fetch(sql, [each for month in edges for each in (month, *(min(at, last) for at in spans[month]))])
    newest = {month: parse_moment(at) for month, at, _ in rows}
    # Posts in the site's month and not in UTC's month of the same number; negative for the reverse.
    moved = {month: between if begins_before_utc(month) else -between for month, _, between in rows}
    counts = {month: by_utc.get(month, 0) + moved[month] - moved[month_after(month)] for month in wanted}
    return tuple(
        MonthCount(month // 100, month % 100, posts, at)
        for month, posts in sorted(counts.items(), reverse=True)
        if posts > 0 and (at := newest[month]) is not None
    )


def both_moments(month: int) -> list[datetime]:
    """The first moments of a month by the site's time zone and by UTC, the earlier first."""
    return sorted((month_span(month)[0], utc_moment(month)))


def begins_before_utc(month: int) -> bool:
    return month_span(month)[0] < utc_moment(month)


def next_in_year(year: int, scheduled: Sequence[datetime]) -> datetime | None:
    """The time of the next scheduled post in that year; None if there is none."""
    if year == ALL_YEARS:
        return scheduled[0] if scheduled else None
    since, until = year_span(year)
    return next((at for at in scheduled if since <= at < until), None)
