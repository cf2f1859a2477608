"""A page of a list of posts, cut from the windows that are cached of it: any range, any place, and no query."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from content import resources
from content.documents import Period, SequenceDocument, microseconds

# A post's place in all lists: when it was published, in Unix microseconds, and its id.
Place = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Range:
    """What of a list is wanted: published at `since` or later and before `until`, from behind the place `after`."""

    limit: int
    oldest_first: bool = False
    after: Place | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Cut:
    """Ids in order, how many there are in the whole range, and the last one's place if there are more behind it."""

    ids: tuple[int, ...]
    total: int
    last: Place | None


def place_of(cursor: str) -> Place:
    moment, _, pk = cursor.partition("-")
    return int(moment), int(pk)


def cursor_of(place: Place) -> str:
    return f"{place[0]}-{place[1]}"


async def page_of(by: str, pk: int, wanted: Range) -> Cut:
    """The page of a list (by: all, pages, category, tag, author). Of its windows no more are read than it takes, and
    those in which the range begins and ends, to count.
    """
    periods = [each for each in (await resources.periods.get(by, pk)).periods if overlaps(each, wanted)]
    read = await windows_of(by, pk, [each for each in periods if not is_whole(each, wanted)])
    total = sum(cut(read[each], wanted).total if each in read else each.posts for each in periods)
    waiting = [each for each in (periods[::-1] if wanted.oldest_first else periods) if is_behind(each, wanted)]
    taken: list[Period] = []
    found = Cut((), 0, None)
    while waiting and found.last is None:
        some = as_many(waiting, wanted.limit + 1)
        waiting, taken = waiting[len(some) :], taken + some
        read |= await windows_of(by, pk, [each for each in some if each not in read])
        found = cut(joined([read[each] for each in (taken[::-1] if wanted.oldest_first else taken)]), wanted)
    return Cut(found.ids, total, found.last)


async def windows_of(by: str, pk: int, periods: Sequence[Period]) -> dict[Period, SequenceDocument]:
    keys = {(by, pk, each.number, each.part): each for each in periods}
    found = await resources.window.get_many(keys) if keys else {}
    return {each: found.get(key, SequenceDocument((), ())) for key, each in keys.items()}


def overlaps(period: Period, wanted: Range) -> bool:
    begin, end = period.span
    return (wanted.since is None or end > wanted.since) and (wanted.until is None or begin < wanted.until)


def is_whole(period: Period, wanted: Range) -> bool:
    begin, end = period.span
    return (wanted.since is None or begin >= wanted.since) and (wanted.until is None or end <= wanted.until)


def is_behind(period: Period, wanted: Range) -> bool:
    """Whether some of it may be behind the place `after`."""
    if wanted.after is None:
        return True
    begin, end = map(microseconds, period.span)
    return end > wanted.after[0] if wanted.oldest_first else begin <= wanted.after[0]


def as_many(periods: Sequence[Period], posts: int) -> list[Period]:
    """So many of the first that they have that many posts; at least one."""
    some: list[Period] = []
    for period in periods:
        some.append(period)
        posts -= period.posts
        if posts <= 0:
            break
    return some


def joined(windows: Sequence[SequenceDocument]) -> SequenceDocument:
    return SequenceDocument(
        ids=tuple(chain.from_iterable(each.ids for each in windows)),
        times=tuple(chain.from_iterable(each.times for each in windows)),
    )


def cut(found: SequenceDocument, wanted: Range) -> Cut:
    """The page of a sequence.

    A place stays a place when the post that had it is gone or new ones have come, so nothing comes twice, and nothing
    is missed.
    """
    first, end = dated_between(found, wanted.since, wanted.until)
    start, stop = first, end
    if wanted.after is not None:
        here = where(found, wanted.after)
        if wanted.oldest_first:
            stop = min(end, here)
        else:
            start = max(first, here + (here < len(found.ids) and place(found, here) == wanted.after))
    rest = max(0, stop - start)
    start, stop = (max(start, stop - wanted.limit), stop) if wanted.oldest_first else (start, start + wanted.limit)
    indices = range(start, min(stop, end))
    if wanted.oldest_first:
        indices = indices[::-1]
    last = place(found, indices[-1]) if len(indices) < rest else None
    return Cut(tuple(found.ids[index] for index in indices), max(0, end - first), last)


def dated_between(found: SequenceDocument, since: datetime | None, until: datetime | None) -> tuple[int, int]:
    """The bounds of what was published in that time: newest first, so that the later moment comes first."""
    first = 0 if until is None else earlier_than(found, microseconds(until))
    end = len(found.ids) if since is None else earlier_than(found, microseconds(since))
    return first, max(first, end)


def earlier_than(found: SequenceDocument, moment: int) -> int:
    """Where those begin that were published before that moment."""
    return bisect_left(found.times, -moment + 1, key=lambda time: -time)


def where(found: SequenceDocument, wanted: Place) -> int:
    """The index of that place, or of the first one behind it."""
    return bisect_left(range(len(found.ids)), invert(wanted), key=lambda index: invert(place(found, index)))


def place(found: SequenceDocument, index: int) -> Place:
    return found.times[index], found.ids[index]


def invert(there: Place) -> Place:
    return -there[0], -there[1]
