"""A page of a list of posts, cut from sequences that are cached whole: any filter, any place, and no query."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from content.documents import SequenceDocument, microseconds

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


def cut(sequences: Sequence[SequenceDocument], wanted: Range, only: frozenset[int] | None = None) -> Cut:
    """The page of those that all sequences have, and `only` if it is given.

    A place stays a place when the post that had it is gone or new ones have come, so nothing comes twice, and nothing
    is missed.
    """
    found = common(sequences, only)
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


def common(sequences: Sequence[SequenceDocument], only: frozenset[int] | None) -> SequenceDocument:
    shortest, *others = sorted(sequences, key=lambda sequence: len(sequence.ids))
    sets = [frozenset(sequence.ids) for sequence in others] + ([only] if only is not None else [])
    if not sets:
        return shortest
    shared = frozenset.intersection(*sets)
    pairs = [(pk, time) for pk, time in zip(shortest.ids, shortest.times, strict=True) if pk in shared]
    return SequenceDocument(ids=tuple(pk for pk, _ in pairs), times=tuple(time for _, time in pairs))


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
