"""The number of public posts in lists, from counts that the database keeps, without scheduled posts.

A list has a kind (all, pages, category, tag or author) and a primary key. Months are months of UTC, as
numbers: 202605. The span of a month is from its first moment to the first one after.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, tzinfo
from functools import lru_cache

from django.utils import timezone

from content.documents import lists
from content.selectors.sql import fetch, parse_moment

Span = tuple[datetime, datetime]
# Beginnings of months. An archive of a hundred years needs 1,200.
MOST_REMEMBERED = 4096


def year_span(year: int) -> Span:
    """Like month_span, by the site's time zone."""
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


List = tuple[str, int]
ALL: List = ("all", 0)
# Stands for a month in the counts of whole lists.
TOTAL = 0
KINDS = {kind: kind for kind in ("all", "pages", "category", "tag", "author")}
SCHEDULED = "SELECT kind, term, 0, 0, published_at FROM content_listedpost WHERE {} AND published_at > %s"
COUNTS = "SELECT kind, term, month, posts, NULL FROM content_listcount WHERE {} AND posts > 0"
NEXT = """
SELECT published_at FROM content_listedpost WHERE kind = 'all' AND term = 0 AND published_at > %s
ORDER BY published_at LIMIT 1
"""
SCHEDULED_BY_TERM = """
SELECT l.kind, l.term, count(*) FROM content_listedpost s JOIN content_listedpost l ON l.post_id = s.post_id
WHERE s.kind = 'all' AND s.term = 0 AND s.published_at > %s AND l.kind IN ({}) GROUP BY l.kind, l.term
"""


async def count_posts(
    lists: Collection[List], now: datetime, totals: Collection[List] = ()
) -> tuple[dict[List, dict[int, int]], dict[List, list[datetime]]]:
    """Count the public posts of `lists` by month, newest first, and those of `totals` under TOTAL too: one query.

    The second result has the times of scheduled posts in each list.
    """
    counts: dict[List, dict[int, int]] = {each: {} for each in (*lists, *totals)}
    scheduled: dict[List, list[datetime]] = {each: [] for each in counts}
    selects = [COUNTS.format(list_condition(group)) for group in (lists, totals) if group]
    if totals:
        selects[-1] += " AND month = 0"
    for kind, term, month, posts, at in await fetch(
        f"{' UNION ALL '.join([SCHEDULED.format(list_condition(counts)), *selects])} ORDER BY 3 DESC, 5", [now]
    ):
        if at is None:
            counts[kind, term][month] = posts
        else:
            scheduled[kind, term].append(parse_moment(at))
    for each, times in scheduled.items():
        hidden = Counter(map(month_of, times))
        for month in (TOTAL, *hidden):
            if month in counts[each]:
                counts[each][month] -= hidden[month] if month != TOTAL else len(times)
    public = {
        each: {month: posts for month, posts in by_month.items() if posts > 0} for each, by_month in counts.items()
    }
    return public, scheduled


def list_condition(lists: Iterable[List]) -> str:
    """A condition on rows of the lists. Kinds are constants, and terms are numbers: no parameters are needed."""
    terms: dict[str, list[int]] = defaultdict(list)
    for kind, term in lists:
        terms[KINDS[kind]].append(int(term))
    each = [f"kind = '{kind}' AND term IN ({', '.join(map(str, pks))})" for kind, pks in terms.items()]
    return f"({' OR '.join(each)})"


async def next_publication(now: datetime) -> datetime | None:
    """The time of the next scheduled post of all."""
    rows = await fetch(NEXT, [now])
    return parse_moment(rows[0][0]) if rows else None


async def count_scheduled_posts(kinds: Collection[str], now: datetime) -> Counter[tuple[str, int]]:
    """Count the scheduled posts of each term: one query, which reads scheduled posts only."""
    rows = await fetch(SCHEDULED_BY_TERM.format(", ".join(["%s"] * len(kinds))), [now, *kinds])
    return Counter({(kind, term): posts for kind, term, posts in rows})


def find_offset(months: dict[int, int], offset: int) -> tuple[int, int] | None:
    """The month of the post at `offset` (newest first, from 0), and the post's offset in that month."""
    for month, posts in months.items():
        if month != TOTAL:
            if offset < posts:
                return month, offset
            offset -= posts
    return None
