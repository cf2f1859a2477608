"""How entries are judged on Redis: by the invalidation log."""

from collections.abc import Iterable, Sequence

from ..entry import Header, Position, Stamp, Verdict
from .log import InvalidationLog
from .tag_index import Kind


class LogOrdering:
    """By the invalidation log: verdicts from memory, no clock, any number of entries by one append."""

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
