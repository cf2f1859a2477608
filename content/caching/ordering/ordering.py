"""The order of loads and invalidations, by which an entry is judged: of the log, of counters, or of one process."""

import itertools
import math
import threading
from collections.abc import Iterable, Sequence
from typing import Protocol

from ..entry import Header, Position, Stamp, Verdict
from .log import InvalidationLog
from .tag_index import Kind, Record, TagIndex


class LogOrdering:
    """The order of the invalidation log: verdicts from memory, no clock, any number of entries by one append."""

    is_local = True

    def __init__(self, log: InvalidationLog) -> None:
        self.log = log
        self.tag_index = log.tag_index

    @property
    def version(self) -> int:
        return self.tag_index.version

    @property
    def is_heard(self) -> bool:
        tag_index = self.tag_index
        return tag_index.clock() < tag_index.heard_until

    @property
    def is_joining(self) -> bool:
        return self.log.reader.is_joining

    async def begin(self) -> Stamp | None:
        return self.tag_index.stamp()

    async def seal(self, begun: Stamp, tags: Sequence[str]) -> Stamp | None:
        return None if self.tag_index.judge(begun, tags) is Verdict.INVALID else begun

    async def judge(self, headers: Sequence[Header]) -> list[Verdict]:
        if self.log.reader.is_joining:
            await self.log.finish_joining()
        return [self.tag_index.judge(header.stamp, header.tags) for header in headers]

    def judge_now(self, header: Header) -> Verdict:
        return self.tag_index.judge(header.stamp, header.tags)

    def covers(self, begun: Stamp) -> bool:
        return (
            begun.epoch == self.tag_index.epoch
            and begun.position >= self.tag_index.tail
            and not self.tag_index.pending
        )

    async def catch_up_to(self, position: Position) -> None:
        await self.log.catch_up_to(position)

    def catch_up_sync(self) -> None:
        self.log.catch_up()

    async def append(self, kind: Kind, tags: Iterable[str], nonce: str | None = None) -> Stamp | None:
        return (await self.log.aappend(kind, tags, nonce)).stamp

    def append_sync(self, kind: Kind, tags: Iterable[str], nonce: str | None = None) -> Stamp | None:
        return self.log.append(kind, tags, nonce).stamp


class Ordering(Protocol):
    """The order of loads and invalidations, as the engine needs it."""

    @property
    def is_local(self) -> bool:
        """Whether verdicts cost no I/O, so that a memory tier pays."""

    @property
    def version(self) -> int:
        """Grows when a verdict may have changed; a verdict holds while it stays. For local ones."""

    async def begin(self) -> Stamp | None:
        """The stamp from before a load. None: the loaded value may be returned, but not stored."""

    async def seal(self, begun: Stamp, tags: Sequence[str]) -> Stamp | None:
        """The stamp of an entry with these tags; None if an invalidation may have overtaken its load."""

    async def judge(self, headers: Sequence[Header]) -> list[Verdict]: ...

    @property
    def is_joining(self) -> bool:
        """Whether `judge` waits until more is known. For local ones."""

    def judge_now(self, header: Header) -> Verdict:
        """The verdict now. Only local orderings have it."""

    def covers(self, begun: Stamp) -> bool:
        """Whether a load that began there saw all that a reader who comes now must see."""

    @property
    def is_heard(self) -> bool:
        """False while invalidations may have passed unnoticed: nothing counts as fresh then."""

    async def catch_up_to(self, position: Position) -> None:
        """A load that begins now shall see what was appended up to there; waits a bounded time for it."""

    def catch_up_sync(self) -> None:
        """Like `catch_up_to`, with all that other processes have appended by now."""

    async def append(self, kind: Kind, tags: Iterable[str], nonce: str | None = None) -> Stamp | None:
        """Returns the stamp of an entry that reflects all records up to this one; None if only counters know."""

    def append_sync(self, kind: Kind, tags: Iterable[str], nonce: str | None = None) -> Stamp | None:
        """Like append, in a thread without an event loop."""


class LocalOrdering:
    """The order in one process alone, a tag index without a log: records are consumed as they are appended."""

    is_local = True
    is_heard = True
    is_joining = False

    def __init__(self) -> None:
        self.tag_index = TagIndex()
        self.tag_index.join("local", (0, 1), floor=(0, 0))
        self.tag_index.heard_until = math.inf
        self.numbers = itertools.count(2)
        self.lock = threading.Lock()

    @property
    def version(self) -> int:
        return self.tag_index.version

    async def begin(self) -> Stamp | None:
        return self.tag_index.stamp()

    async def seal(self, begun: Stamp, tags: Sequence[str]) -> Stamp | None:
        return None if self.tag_index.judge(begun, tags) is Verdict.INVALID else begun

    async def judge(self, headers: Sequence[Header]) -> list[Verdict]:
        return [self.judge_now(header) for header in headers]

    def judge_now(self, header: Header) -> Verdict:
        return self.tag_index.judge(header.stamp, header.tags)

    def covers(self, begun: Stamp) -> bool:
        return begun.position >= self.tag_index.tail

    async def catch_up_to(self, position: Position) -> None:
        pass

    def catch_up_sync(self) -> None:
        pass

    async def append(self, kind: Kind, tags: Iterable[str], nonce: str | None = None) -> Stamp | None:
        return self.append_sync(kind, tags, nonce)

    def append_sync(self, kind: Kind, tags: Iterable[str], nonce: str | None = None) -> Stamp | None:
        with self.lock:
            # The second number of a position has 16 bits, like that of the log.
            position = divmod(next(self.numbers), 2**16)
            self.tag_index.apply([Record(position, kind, tuple(tags), nonce or "")])
        return Stamp(self.tag_index.epoch, position)
