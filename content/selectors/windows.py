"""Lists of posts in windows of a thousand, for readers who page through them by place and not by number."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from django.utils import timezone

from content.documents import Period, PeriodsDocument, SequenceDocument, microseconds
from content.documents.sequence import WINDOW
from content.selectors.listings import NEWEST_FIRST, PLACES, published
from content.selectors.months import TOTAL, List, counts_of
from content.selectors.rows import fetch_each, instant, moment

# by, pk, number and part of the period
Window = tuple[str, int, int, int]


async def periods(by: str, pk: int) -> PeriodsDocument:
    """Years, and months of years that have too many posts: one query."""
    found = await periods_of([(by, pk)])
    return found[by, pk]


async def periods_of(lists: Sequence[List]) -> dict[List, PeriodsDocument]:
    """As periods, for many: one query."""
    counts, ahead = await counts_of(lists, timezone.now())
    return {
        each: PeriodsDocument(tuple(cut(counts[each])), next_publication=ahead[each][0] if ahead[each] else None)
        for each in lists
    }


def cut(months: dict[int, int]) -> Iterator[Period]:
    years: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for month, posts in months.items():
        if month == TOTAL:
            continue
        years[month // 100].append((month, posts))
    for year, counted in years.items():
        total = sum(posts for _, posts in counted)
        if total <= WINDOW:
            yield Period(year, 0, total)
            continue
        for month, posts in counted:
            for part in range(-(-posts // WINDOW)):
                yield Period(month, part, min(WINDOW, posts - part * WINDOW))


async def window(by: str, pk: int, number: int, part: int) -> SequenceDocument:
    """The posts of a list in that period: two queries."""
    found = await windows([(by, pk, number, part)])
    return found[by, pk, number, part]


async def windows(wanted: Sequence[Window]) -> dict[Window, SequenceDocument]:
    """As window, for many: two queries for a hundred."""
    now = timezone.now()
    _, ahead = await counts_of((), now, {(by, pk) for by, pk, _, _ in wanted})
    selects = []
    for by, pk, number, part in wanted:
        condition, times = published(Period(number, part, 0).span, now)
        sql = f"SELECT post_id, {instant('published_at')} {PLACES} AND {condition} {NEWEST_FIRST}"
        selects.append((sql, [by, pk, *times, WINDOW, part * WINDOW]))
    found = {}
    for each, rows in zip(wanted, await fetch_each(selects), strict=True):
        upcoming = ahead[each[0], each[1]]
        found[each] = SequenceDocument(
            ids=tuple(pk for pk, _ in rows),
            times=tuple(at if isinstance(at, int) else microseconds(moment(at)) for _, at in rows),
            next_publication=upcoming[0] if upcoming else None,
        )
    return found
