"""An engine of one process alone: memory over nothing, and an order of invalidations that is known at once."""

import itertools
import threading
from collections.abc import Iterable, Sequence
from typing import Any

from content.caching.engine import Engine
from content.caching.entry import Header, Position, Stamp, Verdict
from content.caching.log.ledger import Kind, Ledger, Record
from content.caching.memory import MemoryTier


class NoTier:
    """A SharedTier that holds nothing, and grants every lease: within a process flights see to it."""

    answers_in_order = True

    async def lookup(self, keys: Sequence[str]) -> dict[str, Any]:
        return {}

    async def store(self, key: str, content: bytes, seconds: float, token: str | None) -> bool:
        return True

    async def lease(self, keys: Sequence[str], token: str, seconds: float) -> list[str]:
        return list(keys)

    async def renew(self, key: str, token: str, seconds: float) -> bool:
        return True

    async def release(self, key: str, token: str) -> None:
        pass

    async def holder(self, key: str) -> str | None:
        return None

    async def evict(self, key: str) -> None:
        pass

    async def numbers(self, keys: Iterable[str]) -> dict[str, int]:
        return {}

    async def add_number(self, key: str, value: int) -> None:
        pass


class LocalOrdering:
    """A ledger without a log: what is appended is consumed."""

    is_local = True
    is_heard = True

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.ledger.join("local", (0, 1), (0, 0), {}, {})
        self.numbers = itertools.count(2)
        self.lock = threading.Lock()

    @property
    def version(self) -> int:
        return self.ledger.version

    async def begin(self) -> Stamp | None:
        return self.ledger.stamp()

    async def seal(self, begun: Stamp, tags: Sequence[str]) -> Stamp | None:
        return None if self.ledger.judge(begun, tags) is Verdict.INVALID else begun

    async def judge(self, headers: Sequence[Header]) -> list[Verdict]:
        return [self.judge_now(header) for header in headers]

    def judge_now(self, header: Header) -> Verdict:
        return self.ledger.judge(header.stamp, header.tags)

    def covers(self, begun: Stamp) -> bool:
        return begun.position >= self.ledger.tail

    async def caught_up(self, position: Position) -> None:
        pass

    async def append(self, kind: Kind, tags: Iterable[str], nonce: str | None = None) -> None:
        self.append_sync(kind, tags, nonce)

    def append_sync(self, kind: Kind, tags: Iterable[str], nonce: str | None = None) -> None:
        with self.lock:
            self.ledger.apply([Record((0, next(self.numbers)), kind, tuple(tags), nonce or "")])


def local_engine(memory: int) -> Engine:
    """`memory`: bytes at most."""
    return Engine(NoTier(), LocalOrdering(), MemoryTier(memory))
