"""Shared by the models: the log, the processes that read it, and the verdict on an entry."""

from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

PROCESSES = (0, 1)
# Before each record. Python gives -1 and -2 the same hash: one of them is enough.
NOWHERE = -2


class Verdict(IntEnum):
    INVALID = 0
    STALE = 1
    FRESH = 2


class Change(NamedTuple):
    """The end of all entries with one tag that are older: at once, or served as stale."""

    tag: int
    is_hard: bool


# One append. Its id is its place in the log, from 1.
Record = tuple[Change, ...]
Log = tuple[Record, ...]


def invalidate(*tags: int) -> Record:
    return tuple(Change(tag, is_hard=True) for tag in tags)


def expire(*tags: int) -> Record:
    return tuple(Change(tag, is_hard=False) for tag in tags)


class TagIndex(NamedTuple):
    """One process's reading of the log: how far, and the last id of each tag, in two slots."""

    position: int
    invalidated: tuple[int, ...]
    expired: tuple[int, ...]

    def has_read(self, log: Log) -> bool:
        return self.position == len(log)

    def read_next(self, log: Log, *, two_slots: bool = True) -> "TagIndex":
        return self.learn(self.position + 1, log[self.position], two_slots=two_slots)._replace(
            position=self.position + 1
        )

    def catch_up(self, log: Log, *, two_slots: bool = True) -> "TagIndex":
        index = self
        while not index.has_read(log):
            index = index.read_next(log, two_slots=two_slots)
        return index

    def learn(self, number: int, record: Record, *, two_slots: bool = True) -> "TagIndex":
        """Note the record under its tags, and leave the position. With one slot, it hides the last one of its tag."""
        invalidated, expired = list(self.invalidated), list(self.expired)
        for change in record:
            slot, other = (invalidated, expired) if change.is_hard else (expired, invalidated)
            slot[change.tag] = number
            if not two_slots:
                other[change.tag] = 0
        return self._replace(invalidated=tuple(invalidated), expired=tuple(expired))

    def judge(self, position: int, tags: Iterable[int]) -> Verdict:
        verdict = Verdict.FRESH
        for tag in tags:
            if self.invalidated[tag] > position:
                return Verdict.INVALID
            if self.expired[tag] > position:
                verdict = Verdict.STALE
        return verdict


def empty_index(tags: int) -> TagIndex:
    return TagIndex(0, (0,) * tags, (0,) * tags)
