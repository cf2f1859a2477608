"""The invalidation log of a process: follow it, append to it, judge by it."""

import asyncio
import atexit
import logging
import os
import secrets
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future

from redis.exceptions import RedisError

from content.caching.backends.server import Server
from content.caching.entry import Header, Position, Stamp, Verdict
from content.caching.errors import NotAppended
from content.caching.ordering.log_reader import LogReader
from content.caching.ordering.stream import LogStream
from content.caching.ordering.tag_index import Kind, TagIndex

logger = logging.getLogger("content.caching")

# How long an append waits until this process has consumed it. Longer than this, the held tags stand in for it.
CONSUME_TIMEOUT = 0.5
SECONDS_BETWEEN_WARNINGS = 10.0
# How long a process waits, once, for its first sight of the log. Longer than this, it begins without.
JOIN_TIMEOUT = 0.5


class InvalidationLog:
    """Call `follow` before the first read; the rest is safe from any thread."""

    def __init__(self, server: Server, prefix: str) -> None:
        self.server = server
        self.prefix = prefix
        self.process = os.getpid()
        self.tag_index = TagIndex()
        self.stream = LogStream(server, prefix)
        # The tail waits on a connection of its own, appends do not wait for it.
        self.reader = LogReader(LogStream(server, prefix), self.tag_index, self._on_consumed)
        self.waiters: list[tuple[Position, Future[None]]] = []
        self.unsent: dict[str, tuple[Kind, tuple[str, ...]]] = {}
        self.lock = threading.Lock()
        self.joined = threading.Event()
        self.warned_at = float("-inf")

    def follow(self) -> None:
        self.reader.start()
        self.joined.wait(JOIN_TIMEOUT)

    def stop(self, *, wait: bool = True) -> None:
        """Follow no longer; `wait` until its thread has ended, a quarter of a second at most."""
        self.reader.stop(wait=wait)
        self.stream.close()

    # --- appending ----------------------------------------------------------------------------------

    def append(self, kind: Kind, tags: Iterable[str], nonce: str | None = None) -> None:
        """What was made before this is judged by it: here at once, elsewhere when they have read it.

        Raises NotAppended when the log refuses or does not answer. Nothing of these tags is served by this
        process from then on, until the record has come: it is sent again for as long as the process lives, and
        whoever keeps an outbox appends it again with the same nonce.
        """
        nonce, unique = self._prepare(kind, tags, nonce)
        try:
            position = self.stream.append(kind, unique, nonce)
        except (RedisError, OSError) as error:
            raise self._keep_unsent(kind, unique, nonce, error) from error
        self._confirm(nonce)
        _wait_for(self._consumption(position))

    async def aappend(self, kind: Kind, tags: Iterable[str], nonce: str | None = None) -> None:
        nonce, unique = self._prepare(kind, tags, nonce)
        try:
            position = await self.stream.aappend(kind, unique, nonce)
        except (RedisError, OSError) as error:
            raise self._keep_unsent(kind, unique, nonce, error) from error
        self._confirm(nonce)
        await self.catch_up_to(position)

    def _prepare(self, kind: Kind, tags: Iterable[str], nonce: str | None) -> tuple[str, tuple[str, ...]]:
        """Held before it is sent: no reader of this process finds a moment in between."""
        nonce, unique = nonce or secrets.token_hex(8), tuple(dict.fromkeys(tags))
        self.tag_index.add_pending(nonce, kind, unique)
        return nonce, unique

    def _keep_unsent(self, kind: Kind, tags: tuple[str, ...], nonce: str, error: Exception) -> NotAppended:
        with self.lock:
            self.unsent[nonce] = (kind, tags)
        return NotAppended(f"The invalidation log did not take {', '.join(tags[:3])}: {error}")

    def _confirm(self, nonce: str) -> None:
        with self.lock:
            self.unsent.pop(nonce, None)

    # --- when the tail has moved --------------------------------------------------------------------

    def _consumption(self, position: Position) -> "Future[None]":
        """Done when this process has consumed the log up to that position."""
        future: Future[None] = Future()
        with self.lock:
            if self.tag_index.tail >= position:
                future.set_result(None)
            else:
                self.waiters.append((position, future))
        return future

    async def catch_up_to(self, position: Position) -> None:
        """Returns when it has, or after half a second."""
        await asyncio.wait([asyncio.wrap_future(self._consumption(position))], timeout=CONSUME_TIMEOUT)

    def _on_consumed(self) -> None:
        """On the tail's thread: tell those who waited, and send again what was refused."""
        self.joined.set()
        with self.lock:
            tail = self.tag_index.tail
            ready = [future for position, future in self.waiters if position <= tail]
            self.waiters = [(position, future) for position, future in self.waiters if position > tail]
            unsent = list(self.unsent.items())
        for future in ready:
            if not future.cancelled():
                future.set_result(None)
        for nonce, (kind, tags) in unsent:
            if not self._resend(nonce, kind, tags):
                break

    def _resend(self, nonce: str, kind: Kind, tags: tuple[str, ...]) -> bool:
        try:
            self.reader.stream.append(kind, tags, nonce)
        except RedisError as error:
            # It answers and takes nothing: full. What others hold must not live on as if nothing had been.
            self.reader.stream.drop_epoch()
            if time.monotonic() - self.warned_at >= SECONDS_BETWEEN_WARNINGS:
                self.warned_at = time.monotonic()
                logger.warning("an invalidation is refused, all entries end with their epoch: %s", error)
            return False
        self._confirm(nonce)
        return True


def _wait_for(future: "Future[None]") -> None:
    try:
        future.result(CONSUME_TIMEOUT)
    except TimeoutError:
        future.cancel()


logs: dict[tuple[int, Server, str], InvalidationLog] = {}
logs_lock = threading.Lock()


def log_of(server: Server, prefix: str) -> InvalidationLog:
    """This process's one log of that name, followed from its first use. A forked child has its own."""
    place = (os.getpid(), server, prefix)
    log = logs.get(place)
    if log is None:
        with logs_lock:
            log = logs.get(place)
            if log is None:
                log = InvalidationLog(server, prefix)
                log.follow()
                logs[place] = log
    return log


def stop_logs() -> None:
    """At the end of the process: a thread that outlives it would speak of a Redis that is gone."""
    for log in logs.values():
        log.stop(wait=False)


atexit.register(stop_logs)


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

    async def begin(self) -> Stamp | None:
        return self.tag_index.stamp()

    async def seal(self, begun: Stamp, tags: Sequence[str]) -> Stamp | None:
        return None if self.tag_index.judge(begun, tags) is Verdict.INVALID else begun

    async def judge(self, headers: Sequence[Header]) -> list[Verdict]:
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

    async def append(self, kind: Kind, tags: Iterable[str], nonce: str | None = None) -> None:
        await self.log.aappend(kind, tags, nonce)

    def append_sync(self, kind: Kind, tags: Iterable[str], nonce: str | None = None) -> None:
        self.log.append(kind, tags, nonce)
