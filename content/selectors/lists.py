"""Lists of posts: pages by number, windows of a thousand for readers who page by place, and rankings by views."""

# ruff: noqa: S608 - all parts of these statements are constants

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from content.caching import NotThere
from content.documents import ListingDocument, Period, PeriodsDocument, SequenceDocument
from content.documents.lists import WINDOW
from content.selectors.list_counts import (
    ALL,
    TOTAL,
    List,
    Span,
    count_posts,
    find_offset,
    month_after,
    month_span,
    utc_moment,
    year_span,
)
from content.selectors.sql import fetch, fetch_each, gather, microseconds_column, parse_numbers

# Lists that exist only if they have posts.
BY_TIME = ("year", "month")
# by, pk, page, size
Page = tuple[str, int, int, int]
# by, pk, number and part of the period
Window = tuple[str, int, int, int]
IN_LIST = "FROM content_listedpost WHERE kind = %s AND term = %s"
EARLIEST = utc_moment(101)
NEWEST_FIRST = "ORDER BY published_at DESC, post_id DESC LIMIT %s OFFSET %s"

# The length of a ranking.
MOST_RANKED = 100
TRENDING_FOR = timedelta(days=1)
# The most viewed posts from which a ranking is chosen; some of them may not be public.
RANKED_FROM = 300
# Each post is looked up by itself: a join would read the whole list. With a limit of its own, PostgreSQL does not
# look it up a second time for the condition.
RANKING = f"""
SELECT post_id FROM (
    SELECT v.post_id, v.{{rank}}, v.last_viewed_at, (
        SELECT p.published_at FROM content_post p WHERE p.id = v.post_id AND p.kind = 'post'
            AND p.status IN ('published', 'scheduled') AND p.password = '' AND p.published_at <= %s
    ) AS published_at
    FROM (SELECT * FROM content_postviews ORDER BY {{rank}} DESC LIMIT {RANKED_FROM}) v LIMIT {RANKED_FROM}
) ranked
WHERE published_at IS NOT NULL AND {{condition}} ORDER BY {{rank}} DESC, published_at DESC LIMIT {MOST_RANKED}
"""


def list_of(by: str, pk: int) -> List:
    return ALL if by in BY_TIME else (by, pk)


def span_of(by: str, pk: int) -> Span | None:
    if by not in BY_TIME:
        return None
    return month_span(pk) if by == "month" else year_span(pk)


async def load_listing(by: str, pk: int, page: int, size: int) -> ListingDocument:
    """One page of a list of posts, newest first: two queries, three for a year or a month.

    An empty list has one empty page. Raises NotThere for an empty year or month, and for pages past the last.
    """
    documents, scheduled = await load_pages([(by, pk, page, size)])
    if not documents:
        raise NotThere(f"no page {page} of {by} {pk}", until=next_in_list(by, pk, scheduled))
    return documents[by, pk, page, size]


async def load_listings(pages: Sequence[Page]) -> dict[Page, ListingDocument]:
    """Like load_listing, for many pages: two or three queries for a hundred."""
    return (await load_pages(pages))[0]


async def load_pages(pages: Sequence[Page]) -> tuple[dict[Page, ListingDocument], dict[List, list[datetime]]]:
    """The second result has the times of scheduled posts in each list."""
    now = timezone.now()
    deep = {list_of(by, pk) for by, pk, page, _ in pages if page > 1 and by not in BY_TIME}
    counts, scheduled = await count_posts(deep, now, {list_of(by, pk) for by, pk, _, _ in pages} - deep)
    totals = {page: counts[list_of(*page[:2])].get(TOTAL, 0) for page in pages}
    by_time = [page for page in pages if page[0] in BY_TIME]
    if by_time:
        results = await fetch_each([select_count(page, now) for page in by_time])
        totals |= {page: total for page, ((total,),) in zip(by_time, results, strict=True)}
    starts = {page: start for page in pages if (start := find_start(page, counts)) is not None}
    rows = await fetch_each([select_ids(page, *start, now) for page, start in starts.items()])
    documents = {}
    for page, ids in zip(starts, rows, strict=True):
        by, pk, number, size = page
        if ids or (number == 1 and by not in BY_TIME):
            documents[page] = ListingDocument(
                ids=tuple(pk for (pk,) in ids),
                page=number,
                pages=max(1, -(-totals[page] // size)),
                total=totals[page],
                next_publication=next_in_list(by, pk, scheduled),
            )
    return documents, scheduled


def find_start(page: Page, counts: dict[List, dict[int, int]]) -> tuple[Span | None, int] | None:
    """The span of time in which a page begins, and the offset in that span; None for a page past the last."""
    by, pk, number, size = page
    offset = (number - 1) * size
    if number == 1 or by in BY_TIME:
        return span_of(by, pk), offset
    found = find_offset(counts[by, pk], offset)
    if found is None:
        return None
    month, offset = found
    return (EARLIEST, utc_moment(month_after(month))), offset


def select_ids(page: Page, span: Span | None, offset: int, now: datetime) -> tuple[str, list[Any]]:
    by, pk, _, size = page
    condition, times = span_condition(span, now)
    return f"SELECT post_id {IN_LIST} AND {condition} {NEWEST_FIRST}", [*list_of(by, pk), *times, size, offset]


def select_count(page: Page, now: datetime) -> tuple[str, list[Any]]:
    by, pk, _, _ = page
    condition, times = span_condition(span_of(by, pk), now)
    return f"SELECT count(*) {IN_LIST} AND {condition}", [*list_of(by, pk), *times]


def span_condition(span: Span | None, now: datetime) -> tuple[str, list[datetime]]:
    """A condition for posts published in that span and until now, with its parameters."""
    if span is None:
        return "published_at <= %s", [now]
    since, until = span
    if until > now:
        return "published_at >= %s AND published_at <= %s", [since, now]
    return "published_at >= %s AND published_at < %s", [since, until]


def next_in_list(by: str, pk: int, scheduled: dict[List, list[datetime]]) -> datetime | None:
    """The time of the next scheduled post in that list."""
    span = span_of(by, pk)
    times = scheduled[list_of(by, pk)]
    return next((at for at in times if span is None or span[0] <= at < span[1]), None)


# --- windows ------------------------------------------------------------------------------------------


async def load_periods(by: str, pk: int) -> PeriodsDocument:
    """Years, and months of years that have too many posts for a window: one query."""
    documents = await load_many_periods([(by, pk)])
    return documents[by, pk]


async def load_many_periods(lists: Sequence[List]) -> dict[List, PeriodsDocument]:
    """Like load_periods, for many lists: one query."""
    counts, scheduled = await count_posts(lists, timezone.now())
    return {
        each: PeriodsDocument(
            tuple(split_into_periods(counts[each])), next_publication=scheduled[each][0] if scheduled[each] else None
        )
        for each in lists
    }


def split_into_periods(months: dict[int, int]) -> Iterator[Period]:
    years: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for month, posts in months.items():
        if month == TOTAL:
            continue
        years[month // 100].append((month, posts))
    for year, by_month in years.items():
        total = sum(posts for _, posts in by_month)
        if total <= WINDOW:
            yield Period(year, 0, total)
            continue
        for month, posts in by_month:
            for part in range(-(-posts // WINDOW)):
                yield Period(month, part, min(WINDOW, posts - part * WINDOW))


async def load_window(by: str, pk: int, number: int, part: int) -> SequenceDocument:
    """The posts of a list in that period: two queries."""
    documents = await load_windows([(by, pk, number, part)])
    return documents[by, pk, number, part]


async def load_windows(windows: Sequence[Window]) -> dict[Window, SequenceDocument]:
    """Like load_window, for many windows: two queries for a hundred."""
    now = timezone.now()
    _, scheduled = await count_posts((), now, {(by, pk) for by, pk, _, _ in windows})
    at = microseconds_column("published_at")
    selects = []
    for by, pk, number, part in windows:
        condition, times = span_condition(Period(number, part, 0).span, now)
        places = f"SELECT post_id, {at} AS at {IN_LIST} AND {condition} {NEWEST_FIRST}"
        sql = f"SELECT {gather('post_id')}, {gather('at')} FROM ({places}) places"
        selects.append((sql, [by, pk, *times, WINDOW, part * WINDOW]))
    documents = {}
    for each, ((ids, times),) in zip(windows, await fetch_each(selects), strict=True):
        upcoming = scheduled[each[0], each[1]]
        documents[each] = SequenceDocument(
            ids=parse_numbers(ids),
            times=parse_numbers(times),
            next_publication=upcoming[0] if upcoming else None,
        )
    return documents


# --- rankings -----------------------------------------------------------------------------------------


async def load_popular() -> tuple[int, ...]:
    """The ids of the posts with the most views of all time, most viewed first: one query."""
    return await rank_by("total", "total > 0", [timezone.now()])


async def load_trending() -> tuple[int, ...]:
    """The ids of the posts viewed within the last day, by views that decay with time: one query."""
    now = timezone.now()
    return await rank_by("heat", "last_viewed_at > %s", [now, now - TRENDING_FOR])


async def rank_by(rank: str, condition: str, parameters: list[datetime]) -> tuple[int, ...]:
    rows = await fetch(RANKING.format(rank=rank, condition=condition), parameters)
    return tuple(pk for (pk,) in rows)
