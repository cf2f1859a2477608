"""The log as one process knows it: the last position at which each tag was invalidated and expired. No I/O.

The latest tags are in maps, older ones are folded into few bytes. An entry that was made after the newest folded tag
is judged by the maps alone.

A record is in the maps before the tail moves past it. The clock only decides whether the log answered lately.
Readers may run on another thread than the log reader. Between any two steps below, they judge too strictly rather
than too kindly.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice

from ..entry import NOWHERE, Position, Stamp, Verdict
from ..key import WEAK
from ..metrics.events import emit
from .folded_tags import EXPIRED, INVALIDATED, ITEM, FoldedTags

logger = logging.getLogger("content.caching")

# Seconds after a question to the log without an answer, after which no entry counts as fresh (I1).
SILENCE = 1.0
# Tags in the map of each kind. Past it the oldest are folded, some at a time.
RECENT_TAGS = 20_000
FOLDED_AT_ONCE = 500
# Tags folded, in 64 MB. Past it all of them are forgotten, and entries made before them are invalid.
MAX_TAGS = 4_000_000


class Kind(Enum):
    INVALIDATE = INVALIDATED
    EXPIRE = EXPIRED

    # Enum hashes in Python. A verdict needs four hashes an entry, so use the one in C.
    __hash__ = object.__hash__


@dataclass(frozen=True)
class Record:
    """One append: these tags, of old and new state. `nonce` is the appender's, to know its own again.
    `traceparent` is that of the write, if its trace is recorded.

    A record that cannot be read may have had any tags (rule 17).
    """

    position: Position
    kind: Kind
    tags: tuple[str, ...]
    nonce: str
    is_readable: bool = True
    traceparent: str = field(default="", compare=False)


Observer = Callable[[str, Sequence[Record]], None]


class TagIndex:
    """Verdicts on entries, by the records that this process has consumed."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.lock = threading.Lock()
        self.epoch = ""
        self.tail = NOWHERE
        self.floor = NOWHERE
        # How far the floor was raised since this process joined the log.
        self.raised = NOWHERE
        self.last: dict[Kind, dict[str, Position]] = {kind: {} for kind in Kind}
        self.folded = FoldedTags()
        self.pending: dict[str, tuple[Kind, tuple[str, ...]]] = {}
        self.pending_tags: dict[Kind, Counter[str]] = {kind: Counter() for kind in Kind}
        # Pending records were given up: no entry is valid until the log's epoch has ended.
        self.is_incomplete = False
        self.heard_until = float("-inf")
        # Grows with each change: a verdict holds for as long as this number does.
        self.version = 0
        # How often this process has joined the log.
        self.joins = 0
        # Called with the epoch and the records that were consumed, on the thread that reads them. They must not wait.
        self.observers: list[Observer] = []

    # --- following the log --------------------------------------------------------------------------

    def join(self, epoch: str, position: Position, floor: Position) -> None:
        """Begin anew at a position: nothing that was known before is kept. Older entries than `floor` are invalid."""
        with self.lock:
            self.epoch = ""
            self.version += 1
            self.last = {kind: {} for kind in Kind}
            self.folded = FoldedTags()
            self.raised = NOWHERE
            self.floor, self.tail, self.epoch = floor, position, "" if self.is_incomplete else epoch
            self.version += 1
            self.joins += 1

    def adopt_base(self, parts: Sequence[bytes], newest: Position, floor: Position) -> None:
        """Take over the tags from before the position where this process joined, and the floor that they allow."""
        with self.lock:
            self.folded.adopt_base(parts, newest)
            self.floor = max(floor, self.raised)
            self.version += 1

    def apply(self, records: Sequence[Record]) -> None:
        """Consume records that follow the tail without a gap."""
        with self.lock:
            for record in records:
                known = self.last[record.kind]
                for tag in record.tags:
                    # The oldest comes first in the map.
                    known.pop(tag, None)
                    known[tag] = record.position
                if not record.is_readable:
                    self._raise_floor(record.position)
                self.version += 1
                self.tail = record.position
                self.remove_pending(record.nonce)
            for kind, known in self.last.items():
                while len(known) > RECENT_TAGS:
                    self._fold_oldest(kind, known)
        if records:
            for observer in self.observers:
                observer(self.epoch, records)

    def _fold_oldest(self, kind: Kind, known: dict[str, Position]) -> None:
        """A tag is always in one of both places."""
        oldest = list(islice(known.items(), max(FOLDED_AT_ONCE, len(known) - RECENT_TAGS)))
        self.folded.add(kind.value, oldest)
        self.version += 1
        for tag, _ in oldest:
            del known[tag]
        if self.folded.size > MAX_TAGS * ITEM:
            self._forget_folded()

    def _forget_folded(self) -> None:
        """The last resort (rule 22): entries that could depend on a forgotten tag are invalid."""
        logger.warning(
            "More than %d tags were invalidated in the lifetime of entries. Older entries are loaded again. "
            "Invalidate many rows by one tag that stands for all of them.",
            MAX_TAGS,
        )
        emit("forgotten", "", tier="memory", reason="too many tags")
        self._raise_floor(self.folded.newest)
        self.folded = FoldedTags()

    def _raise_floor(self, position: Position) -> None:
        self.raised = max(self.raised, position)
        self.floor = max(self.floor, position)

    def mark_heard(self, asked_at: float) -> None:
        """The log has answered a question of that time (by the clock), and there was nothing more to consume."""
        self.heard_until = asked_at + SILENCE

    def discard_epoch(self) -> None:
        """The log's epoch has ended: no entry is valid until another was joined."""
        with self.lock:
            self.epoch = ""
            self.version += 1

    @property
    def is_heard(self) -> bool:
        return self.clock() < self.heard_until

    # --- what this process has done itself ----------------------------------------------------------

    def add_pending(self, nonce: str, kind: Kind, tags: Iterable[str]) -> None:
        """Treat the tags as appended until the record with this nonce was consumed, however long that takes."""
        with self.lock:
            if nonce not in self.pending:
                self.pending[nonce] = (kind, tuple(tags))
                self.pending_tags[kind].update(self.pending[nonce][1])
                self.version += 1

    def end_pending(self, nonce: str) -> None:
        """The record is in the log, and what this process knows covers it, though it has not seen the record."""
        with self.lock:
            self.remove_pending(nonce)

    def remove_pending(self, nonce: str) -> None:
        pending = self.pending.pop(nonce, None)
        if pending is not None:
            kind, tags = pending
            counts = self.pending_tags[kind]
            counts.subtract(tags)
            for tag in tags:
                if counts.get(tag, 1) <= 0:
                    del counts[tag]
            self.version += 1

    def give_up_pending(self) -> None:
        """Forget what is pending, and take every entry for invalid until the log's epoch has ended."""
        with self.lock:
            self.is_incomplete = True
            self.epoch = ""
            # New ones: a reader that has just seen the epoch still judges by the old.
            self.pending, self.pending_tags = {}, {kind: Counter() for kind in Kind}
            self.version += 1

    # --- verdicts -----------------------------------------------------------------------------------

    def stamp(self) -> Stamp | None:
        """The stamp of a load that begins now. None while no log is joined: its result must not be stored."""
        with self.lock:
            return Stamp(self.epoch, self.tail) if self.epoch else None

    def judge(self, stamp: Stamp, tags: Sequence[str]) -> Verdict:
        """A weak tag ends as others do, and is expired by each record of the tag that it stands for (rule 20)."""
        # Read before epoch and floor, which join and the floor's rise change in the other order.
        invalidated, expired, folded = self.last[Kind.INVALIDATE], self.last[Kind.EXPIRE], self.folded
        pending, pending_soft = self.pending_tags[Kind.INVALIDATE], self.pending_tags[Kind.EXPIRE]
        if not self.epoch or stamp.epoch != self.epoch or stamp.position < self.floor:
            return Verdict.INVALID
        position, verdict = stamp.position, Verdict.VALID
        for tag in tags:
            if tag in pending or invalidated.get(tag, NOWHERE) > position:
                return Verdict.INVALID
            if tag in pending_soft or expired.get(tag, NOWHERE) > position:
                verdict = Verdict.EXPIRED
            if tag[0] == WEAK:
                base = tag[1:]
                if (
                    base in pending
                    or base in pending_soft
                    or invalidated.get(base, NOWHERE) > position
                    or expired.get(base, NOWHERE) > position
                ):
                    verdict = Verdict.EXPIRED
        # After the maps: a tag that leaves them meanwhile is here already.
        return verdict if position >= folded.newest else _judge_folded(folded, position, tags, verdict)

    def last_position(self, kind: Kind, tag: str) -> Position:
        """The last position of a tag, NOWHERE if it is not known."""
        return max(self.last[kind].get(tag, NOWHERE), self.folded.last(kind.value, tag))


def _judge_folded(folded: FoldedTags, position: Position, tags: Sequence[str], verdict: Verdict) -> Verdict:
    remembered, additions = folded.remembered, folded.additions
    for tag in tags:
        known = remembered.get(tag)
        if known is None or known[0] != additions:
            known = folded.look_up(tag)
        if known[1] > position:
            return Verdict.INVALID
        if known[2] > position:
            verdict = Verdict.EXPIRED
    return verdict
