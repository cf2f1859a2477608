"""Waits of readers: who asked for a page that had to be made, and how long that took, over all processes.

Each process adds what it has seen in the last second to a hash in Redis. Warming reads it, and makes way.
"""

import threading
import time
from typing import Any

import msgspec

from ..backends.connection import connection_to
from ..backends.server import Server
from ..errors import Unreadable
from ..serializer import decode
from .process_counts import process_counts

# Seconds. Older reports say nothing about now.
RECENT = 2.5
# Seconds after the last report, when Redis drops the hash.
EXPIRES = 60


class Wait(msgspec.Struct, frozen=True, array_like=True):
    """The waits of one process in about a second. `at`: Unix seconds; `total` and `longest`: seconds."""

    at: float
    count: int
    total: float
    longest: float


_decoder = msgspec.json.Decoder(Wait)


class ReaderWaits:
    """The waits of this process since they were last taken."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._count, self._total, self._longest = 0, 0.0, 0.0

    def add(self, seconds: float) -> None:
        process_counts.count_wait(seconds)
        with self.lock:
            self._count += 1
            self._total += seconds
            self._longest = max(self._longest, seconds)

    def take(self) -> Wait | None:
        """None if nobody waited."""
        with self.lock:
            count, total, longest = self._count, self._total, self._longest
            self._count, self._total, self._longest = 0, 0.0, 0.0
        return Wait(time.time(), count, total, longest) if count else None


reader_waits = ReaderWaits()


def waits_key(prefix: str) -> str:
    return f"{{{prefix}:stats}}:waits"


def publish(client: Any, key: str, name: str, wait: Wait) -> None:
    """Replace the report of one process. Raises RedisError or OSError."""
    pipeline = client.pipeline(transaction=False)
    pipeline.hset(key, name, msgspec.json.encode(wait))
    pipeline.expire(key, EXPIRES)
    pipeline.execute()


class WaitReports:
    """The reports of all processes, as one event loop reads them."""

    def __init__(self, server: Server, prefix: str) -> None:
        self.server = server
        self.key = waits_key(prefix)

    async def mean(self) -> float | None:
        """Seconds that readers waited lately, on average; None if nobody did. Raises RedisError or OSError."""
        flat = await connection_to(self.server).execute("HVALS", self.key)
        now, count, total = time.time(), 0, 0.0
        for content in flat:
            try:
                wait = decode(_decoder.decode, content)
            except Unreadable:
                continue
            if abs(now - wait.at) < RECENT and wait.count > 0 and 0 <= wait.total < float("inf"):
                count += wait.count
                total += wait.total
        return total / count if count else None
