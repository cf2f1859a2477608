"""Pages of lists of posts, cut from cached windows of the lists: any range, from any position, without a query."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from django.http import HttpRequest

from content import resources
from content.documents import Period, SequenceDocument, microseconds

# A post's position in all lists: its publication in Unix microseconds, and its id.
Position = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Range:
    """The wanted part of a list: published at `since` or later and before `until`, behind the position `after`."""

    limit: int
    oldest_first: bool = False
    after: Position | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Page:
    """Ids in order, the number of posts in the whole range, and the last id's position if more posts follow."""

    ids: tuple[int, ...]
    total: int
    last: Position | None


def position_of(cursor: str) -> Position:
    moment, _, pk = cursor.partition("-")
    return int(moment), int(pk)


def next_link(request: HttpRequest, last: Position | str | None, *, name: str = "after") -> str | None:
    """The path of the next page: the same request, with that position or page in the parameter `name`."""
    if last is None:
        return None
    query = request.GET.copy()
    query[name] = last if isinstance(last, str) else f"{last[0]}-{last[1]}"
    return f"{request.path}?{query.urlencode()}"


async def page_of(by: str, pk: int, wanted: Range) -> Page:
    """Cut a page from a list (by: all, pages, category, tag, author).

    It reads only the windows that the page needs, and, to count, those in which the range begins and ends.
    """
    periods = [each for each in (await resources.periods.get(by, pk)).periods if overlaps(each, wanted)]
    read = await read_windows(by, pk, [each for each in periods if not is_whole(each, wanted)])
    total = sum(cut(read[each], wanted).total if each in read else each.posts for each in periods)
    waiting = [each for each in (periods[::-1] if wanted.oldest_first else periods) if is_behind(each, wanted)]
    taken: list[Period] = []
    page = Page((), 0, None)
    while waiting and page.last is None:
        some = first_with(waiting, wanted.limit + 1)
        waiting, taken = waiting[len(some) :], taken + some
        read |= await read_windows(by, pk, [each for each in some if each not in read])
        page = cut(join([read[each] for each in (taken[::-1] if wanted.oldest_first else taken)]), wanted)
    return Page(page.ids, total, page.last)


async def read_windows(by: str, pk: int, periods: Sequence[Period]) -> dict[Period, SequenceDocument]:
    keys = {(by, pk, each.number, each.part): each for each in periods}
    windows = await resources.window.get_many(keys) if keys else {}
    return {each: windows.get(key, SequenceDocument((), ())) for key, each in keys.items()}


def overlaps(period: Period, wanted: Range) -> bool:
    begin, end = period.span
    return (wanted.since is None or end > wanted.since) and (wanted.until is None or begin < wanted.until)


def is_whole(period: Period, wanted: Range) -> bool:
    begin, end = period.span
    return (wanted.since is None or begin >= wanted.since) and (wanted.until is None or end <= wanted.until)


def is_behind(period: Period, wanted: Range) -> bool:
    """Whether some of it may be behind the position `after`."""
    if wanted.after is None:
        return True
    begin, end = map(microseconds, period.span)
    return end > wanted.after[0] if wanted.oldest_first else begin <= wanted.after[0]


def first_with(periods: Sequence[Period], posts: int) -> list[Period]:
    """The first periods that have so many posts; at least one period."""
    some: list[Period] = []
    for period in periods:
        some.append(period)
        posts -= period.posts
        if posts <= 0:
            break
    return some


def join(windows: Sequence[SequenceDocument]) -> SequenceDocument:
    return SequenceDocument(
        ids=tuple(chain.from_iterable(each.ids for each in windows)),
        times=tuple(chain.from_iterable(each.times for each in windows)),
    )


def cut(sequence: SequenceDocument, wanted: Range) -> Page:
    """Cut the page of a sequence.

    A position remains when its post is gone or new posts have come. So no post comes twice, and none is missed.
    """
    first, end = bounds_of(sequence, wanted.since, wanted.until)
    start, stop = first, end
    if wanted.after is not None:
        here = index_of(sequence, wanted.after)
        if wanted.oldest_first:
            stop = min(end, here)
        else:
            start = max(first, here + (here < len(sequence.ids) and position(sequence, here) == wanted.after))
    rest = max(0, stop - start)
    start, stop = (max(start, stop - wanted.limit), stop) if wanted.oldest_first else (start, start + wanted.limit)
    indices = range(start, min(stop, end))
    if wanted.oldest_first:
        indices = indices[::-1]
    last = position(sequence, indices[-1]) if len(indices) < rest else None
    return Page(tuple(sequence.ids[index] for index in indices), max(0, end - first), last)


def bounds_of(sequence: SequenceDocument, since: datetime | None, until: datetime | None) -> tuple[int, int]:
    """The indices between which posts were published in that time. `until` gives the first: the newest come first."""
    first = 0 if until is None else index_before(sequence, microseconds(until))
    end = len(sequence.ids) if since is None else index_before(sequence, microseconds(since))
    return first, max(first, end)


def index_before(sequence: SequenceDocument, moment: int) -> int:
    """The index of the first post that was published before that moment."""
    return bisect_left(sequence.times, -moment + 1, key=lambda time: -time)


def index_of(sequence: SequenceDocument, wanted: Position) -> int:
    """The index of that position, or of the first one behind it."""
    return bisect_left(range(len(sequence.ids)), invert(wanted), key=lambda index: invert(position(sequence, index)))


def position(sequence: SequenceDocument, index: int) -> Position:
    return sequence.times[index], sequence.ids[index]


def invert(position: Position) -> Position:
    return -position[0], -position[1]
