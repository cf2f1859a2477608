"""The log as one process knows it: the last position at which each tag was invalidated and expired. No I/O.

A record is in the maps before the tail moves past it. The clock only decides whether the log was heard of lately.
Readers may run on another thread than the log reader. Between any two steps below, they judge too strictly rather
than too kindly.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from ..entry import NOWHERE, Position, Stamp, Verdict

# Seconds without an answer of the log after which no entry counts as fresh (I1).
SILENCE = 1.0
# Tags remembered, of each kind. Past it the older half is forgotten, and with it what was made before them.
MAX_TAGS = 200_000


class Kind(Enum):
    INVALIDATE = "i"
    EXPIRE = "e"

    # Enum hashes in Python. A verdict needs four hashes an entry, so use the one in C.
    __hash__ = object.__hash__


@dataclass(frozen=True)
class Record:
    """One append: these tags, of old and new state. `nonce` is the appender's, to know its own again."""

    position: Position
    kind: Kind
    tags: tuple[str, ...]
    nonce: str


class TagIndex:
    """Verdicts on entries, by the records that this process has consumed."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.lock = threading.Lock()
        self.epoch = ""
        self.tail = NOWHERE
        self.floor = NOWHERE
        self.last: dict[Kind, dict[str, Position]] = {kind: {} for kind in Kind}
        self.pending: dict[str, tuple[Kind, tuple[str, ...]]] = {}
        self.pending_tags: dict[Kind, Counter[str]] = {kind: Counter() for kind in Kind}
        self.heard_until = float("-inf")
        # Grows with each change: a verdict holds for as long as this number does.
        self.version = 0

    # --- following the log --------------------------------------------------------------------------

    def adopt_snapshot(
        self,
        epoch: str,
        position: Position,
        floor: Position,
        invalidated: Mapping[str, Position],
        expired: Mapping[str, Position],
    ) -> None:
        """Begin anew from a snapshot: nothing that was known before is kept."""
        with self.lock:
            self.epoch = ""
            self.version += 1
            self.last = {Kind.INVALIDATE: dict(invalidated), Kind.EXPIRE: dict(expired)}
            self.floor, self.tail, self.epoch = floor, position, epoch
            self.version += 1

    def apply(self, records: Sequence[Record]) -> None:
        """Consume records that follow the tail without a gap."""
        with self.lock:
            for record in records:
                known = self.last[record.kind]
                for tag in record.tags:
                    known[tag] = record.position
                self.version += 1
                self.tail = record.position
                self.remove_pending(record.nonce)
            for known in self.last.values():
                if len(known) > MAX_TAGS:
                    self._forget_oldest(known)

    def _forget_oldest(self, known: dict[str, Position]) -> None:
        """Raise the floor to the youngest forgotten record: older entries could depend on one."""
        oldest = sorted(known, key=known.__getitem__)[: len(known) // 2]
        self.floor = max(self.floor, known[oldest[-1]])
        self.version += 1
        for tag in oldest:
            del known[tag]

    def mark_heard(self) -> None:
        """The log answered, and there was nothing more to consume."""
        self.heard_until = self.clock() + SILENCE

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
        """As if appended, until the record with this nonce was consumed, however long that takes."""
        with self.lock:
            if nonce not in self.pending:
                self.pending[nonce] = (kind, tuple(tags))
                self.pending_tags[kind].update(self.pending[nonce][1])
                self.version += 1

    def remove_pending(self, nonce: str) -> None:
        pending = self.pending.pop(nonce, None)
        if pending is not None:
            kind, tags = pending
            self.pending_tags[kind] -= Counter(tags)
            self.version += 1

    # --- verdicts -----------------------------------------------------------------------------------

    def stamp(self) -> Stamp | None:
        """The stamp of a load that begins now. None while no log is joined: its result must not be stored."""
        with self.lock:
            return Stamp(self.epoch, self.tail) if self.epoch else None

    def judge(self, stamp: Stamp, tags: Iterable[str]) -> Verdict:
        if not self.epoch or stamp.epoch != self.epoch or stamp.position < self.floor:
            return Verdict.INVALID
        position, verdict = stamp.position, Verdict.VALID
        invalidated, expired = self.last[Kind.INVALIDATE], self.last[Kind.EXPIRE]
        pending, pending_soft = self.pending_tags[Kind.INVALIDATE], self.pending_tags[Kind.EXPIRE]
        for tag in tags:
            if tag in pending or invalidated.get(tag, NOWHERE) > position:
                return Verdict.INVALID
            if tag in pending_soft or expired.get(tag, NOWHERE) > position:
                verdict = Verdict.EXPIRED
        return verdict
