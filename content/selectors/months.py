"""How many posts a list shows, by months of UTC: from counts that the database keeps, less what is scheduled."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from django.db.models import Q

from content.documents import sequence
from content.models import ListCount, ListedPost

# A list: kind (all, pages, category, tag, author) and primary key.
List = tuple[str, int]
ALL: List = ("all", 0)
# In the place of a month.
TOTAL = 0


def month_of(moment: datetime) -> int:
    """202605 for a moment in May 2026, by UTC."""
    there = moment.astimezone(UTC)
    return there.year * 100 + there.month


def first_moment(month: int) -> datetime:
    return sequence.first_moment(*divmod(month, 100))


def month_after(month: int) -> int:
    return month + 89 if month % 100 == 12 else month + 1


def of_lists(lists: Iterable[List]) -> Q:
    terms: dict[str, list[int]] = defaultdict(list)
    for kind, term in lists:
        terms[kind].append(term)
    wanted = Q(pk__in=())
    for kind, pks in terms.items():
        wanted |= Q(kind=kind, term__in=pks)
    return wanted


def month_before(month: int) -> int:
    return month - 89 if month % 100 == 1 else month - 1


async def scheduled(lists: Collection[List], now: datetime) -> dict[List, list[datetime]]:
    """When posts will join each list, in order: one query."""
    found: dict[List, list[datetime]] = {each: [] for each in lists}
    if len(found) == 1:
        ((kind, term),) = found
        ahead = ListedPost.objects.filter(kind=kind, term=term, published_at__gt=now)
    else:
        ahead = ListedPost.objects.filter(of_lists(found), published_at__gt=now)
    async for kind, term, at in ahead.order_by("published_at").values_list("kind", "term", "published_at"):
        found[kind, term].append(at)
    return found


async def next_publication(now: datetime, kind: str = "all", term: int = 0) -> datetime | None:
    ahead = ListedPost.objects.of(kind, term).filter(published_at__gt=now).order_by("published_at")
    return await ahead.values_list("published_at", flat=True).afirst()


async def month_counts(
    lists: Collection[List], ahead: dict[List, list[datetime]], totals: Collection[List] = ()
) -> dict[List, dict[int, int]]:
    """Public posts by month, newest first, of `lists`, and under TOTAL, of `totals` too: one query."""
    found: dict[List, dict[int, int]] = {each: {} for each in (*lists, *totals)}
    wanted = of_lists(lists) | Q(of_lists(totals), month=TOTAL) if totals else of_lists(lists)
    rows = ListCount.objects.filter(wanted, posts__gt=0).order_by("-month")
    async for kind, term, month, posts in rows.values_list("kind", "term", "month", "posts"):
        found[kind, term][month] = posts
    for each, counts in found.items():
        hidden = Counter(map(month_of, ahead.get(each, ())))
        for month, posts in hidden.items():
            if month in counts:
                counts[month] -= posts
        if TOTAL in counts:
            counts[TOTAL] -= hidden.total()
    return {each: {month: posts for month, posts in counts.items() if posts > 0} for each, counts in found.items()}


def place_in(months: dict[int, int], offset: int) -> tuple[int, int] | None:
    """The month in which the post of that number stands, newest first from 0, and its number there."""
    for month, posts in months.items():
        if month != TOTAL:
            if offset < posts:
                return month, offset
            offset -= posts
    return None
