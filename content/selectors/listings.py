from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone

from content.caching import NotThere
from content.documents import ListingDocument
from content.selectors.calendar import Span, month_span, year_span
from content.selectors.months import ALL, TOTAL, List, counts_of, first_moment, month_after, place_in
from content.selectors.rows import fetch_each

# Lists that exist only while something is in them.
BY_TIME = ("year", "month")
# by, pk, page, size
Page = tuple[str, int, int, int]
PLACES = "FROM content_listedpost WHERE kind = %s AND term = %s"
EARLIEST = first_moment(101)
NEWEST_FIRST = "ORDER BY published_at DESC, post_id DESC LIMIT %s OFFSET %s"


def list_of(by: str, pk: int) -> List:
    return ALL if by in BY_TIME else (by, pk)


def span_of(by: str, pk: int) -> Span | None:
    if by not in BY_TIME:
        return None
    return month_span(pk) if by == "month" else year_span(pk)


async def listing(by: str, pk: int, page: int, size: int) -> ListingDocument:
    """One page of a list of posts, newest first: two queries, three for a year or a month.

    An empty list has one page, which says so; an empty year or month is not there.
    """
    found, ahead = await pages_of([(by, pk, page, size)])
    if not found:
        raise NotThere(f"no page {page} of {by} {pk}", until=joins_next(by, pk, ahead))
    return found[by, pk, page, size]


async def listings(pages: Sequence[Page]) -> dict[Page, ListingDocument]:
    """As listing, for many: two or three queries for a hundred."""
    return (await pages_of(pages))[0]


async def pages_of(pages: Sequence[Page]) -> tuple[dict[Page, ListingDocument], dict[List, list[datetime]]]:
    """And when scheduled posts join their lists."""
    now = timezone.now()
    deep = {list_of(by, pk) for by, pk, page, _ in pages if page > 1 and by not in BY_TIME}
    counts, ahead = await counts_of(deep, now, {list_of(by, pk) for by, pk, _, _ in pages} - deep)
    totals = {page: counts[list_of(*page[:2])].get(TOTAL, 0) for page in pages}
    by_time = [page for page in pages if page[0] in BY_TIME]
    if by_time:
        counted = await fetch_each([select_count(page, now) for page in by_time])
        totals |= {page: total for page, ((total,),) in zip(by_time, counted, strict=True)}
    starts = {page: start for page in pages if (start := start_of(page, counts)) is not None}
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
                next_publication=joins_next(by, pk, ahead),
            )
    return documents, ahead


def start_of(page: Page, counts: dict[List, dict[int, int]]) -> tuple[Span | None, int] | None:
    """Where a page begins: a span of time, and a number in it; None for one past the last."""
    by, pk, number, size = page
    skipped = (number - 1) * size
    if number == 1 or by in BY_TIME:
        return span_of(by, pk), skipped
    place = place_in(counts[by, pk], skipped)
    return ((EARLIEST, first_moment(month_after(place[0]))), place[1]) if place else None


def select_ids(page: Page, span: Span | None, skipped: int, now: datetime) -> tuple[str, list[Any]]:
    by, pk, _, size = page
    condition, times = published(span, now)
    return f"SELECT post_id {PLACES} AND {condition} {NEWEST_FIRST}", [*list_of(by, pk), *times, size, skipped]


def select_count(page: Page, now: datetime) -> tuple[str, list[Any]]:
    by, pk, _, _ = page
    condition, times = published(span_of(by, pk), now)
    return f"SELECT count(*) {PLACES} AND {condition}", [*list_of(by, pk), *times]


def published(span: Span | None, now: datetime) -> tuple[str, list[datetime]]:
    if span is None:
        return "published_at <= %s", [now]
    since, until = span
    if until > now:
        return "published_at >= %s AND published_at <= %s", [since, now]
    return "published_at >= %s AND published_at < %s", [since, until]


def joins_next(by: str, pk: int, ahead: dict[List, list[datetime]]) -> datetime | None:
    """When the next scheduled post joins that list."""
    span = span_of(by, pk)
    times = ahead[list_of(by, pk)]
    return next((at for at in times if span is None or span[0] <= at < span[1]), None)
