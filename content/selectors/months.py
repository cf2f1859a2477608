"""How many posts a list shows, by months of UTC: from counts that the database keeps, less what is scheduled."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from content.documents import sequence
from content.selectors.rows import fetch, moment

# A list: kind (all, pages, category, tag, author) and primary key.
List = tuple[str, int]
ALL: List = ("all", 0)
# In the place of a month.
TOTAL = 0
KINDS = {kind: kind for kind in ("all", "pages", "category", "tag", "author")}
AHEAD = "SELECT kind, term, 0, 0, published_at FROM content_listedpost WHERE {} AND published_at > %s"
COUNTS = "SELECT kind, term, month, posts, NULL FROM content_listcount WHERE {} AND posts > 0"
NEXT = """
SELECT published_at FROM content_listedpost WHERE kind = 'all' AND term = 0 AND published_at > %s
ORDER BY published_at LIMIT 1
"""


def month_of(moment: datetime) -> int:
    """202605 for a moment in May 2026, by UTC."""
    there = moment.astimezone(UTC)
    return there.year * 100 + there.month


def first_moment(month: int) -> datetime:
    return sequence.first_moment(*divmod(month, 100))


def month_after(month: int) -> int:
    return month + 89 if month % 100 == 12 else month + 1


def month_before(month: int) -> int:
    return month - 89 if month % 100 == 1 else month - 1


async def counts_of(
    lists: Collection[List], now: datetime, totals: Collection[List] = ()
) -> tuple[dict[List, dict[int, int]], dict[List, list[datetime]]]:
    """Public posts by month, newest first, of `lists`, and under TOTAL of `totals` too: one query.

    Second: when scheduled posts join each list.
    """
    counts: dict[List, dict[int, int]] = {each: {} for each in (*lists, *totals)}
    ahead: dict[List, list[datetime]] = {each: [] for each in counts}
    selects = [COUNTS.format(of_lists(group)) for group in (lists, totals) if group]
    if totals:
        selects[-1] += " AND month = 0"
    for kind, term, month, posts, at in await fetch(
        f"{' UNION ALL '.join([AHEAD.format(of_lists(counts)), *selects])} ORDER BY 3 DESC, 5", [now]
    ):
        if at is None:
            counts[kind, term][month] = posts
        else:
            ahead[kind, term].append(moment(at))
    for each, times in ahead.items():
        hidden = Counter(map(month_of, times))
        for month in (TOTAL, *hidden):
            if month in counts[each]:
                counts[each][month] -= hidden[month] if month != TOTAL else len(times)
    return {
        each: {month: posts for month, posts in found.items() if posts > 0} for each, found in counts.items()
    }, ahead


def of_lists(lists: Iterable[List]) -> str:
    """A condition; kinds are ours, and terms are numbers."""
    terms: dict[str, list[int]] = defaultdict(list)
    for kind, term in lists:
        terms[KINDS[kind]].append(int(term))
    each = [f"kind = '{kind}' AND term IN ({', '.join(map(str, pks))})" for kind, pks in terms.items()]
    return f"({' OR '.join(each)})"


async def next_publication(now: datetime) -> datetime | None:
    """When the next scheduled post joins the list of all."""
    rows = await fetch(NEXT, [now])
    return moment(rows[0][0]) if rows else None


def place_in(months: dict[int, int], offset: int) -> tuple[int, int] | None:
    """The month in which the post of that number stands, newest first from 0, and its number there."""
    for month, posts in months.items():
        if month != TOTAL:
            if offset < posts:
                return month, offset
            offset -= posts
    return None
