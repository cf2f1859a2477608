"""The order of invalidations in one process alone: it is known at once."""

import itertools
import threading
from collections.abc import Iterable, Sequence

from ..entry import Header, Position, Stamp, Verdict
from .tag_index import Kind, Record, TagIndex


class LocalOrdering:
    """A tag index without a log: records are consumed as they are appended."""

    is_local = True
    is_heard = True

    def __init__(self) -> None:
        self.tag_index = TagIndex()
        self.tag_index.join("local", (0, 1), floor=(0, 0))
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

    async def append(self, kind: Kind, tags: Iterable[str], nonce: str | None = None) -> None:
        self.append_sync(kind, tags, nonce)

    def append_sync(self, kind: Kind, tags: Iterable[str], nonce: str | None = None) -> None:
        with self.lock:
            # As in the log, the second number of a position has 16 bits.
            position = divmod(next(self.numbers), 2**16)
            self.tag_index.apply([Record(position, kind, tuple(tags), nonce or "")])
