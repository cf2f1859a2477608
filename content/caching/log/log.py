"""The invalidation log of a process: follow it, append to it, judge by it."""

import asyncio
import atexit
import logging
import os
import secrets
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future

from redis.exceptions import RedisError

from content.caching.backends.server import Server
from content.caching.entry import Position
from content.caching.errors import NotAppended
from content.caching.log.ledger import Kind, Ledger
from content.caching.log.stream import LogStream
from content.caching.log.tail import Tail

logger = logging.getLogger("content.caching")

# How long an append waits until this process has consumed it. Longer than this, the held tags stand in for it.
CONSUMED_WITHIN = 0.5
SECONDS_BETWEEN_COMPLAINTS = 10.0
# How long a process waits, once, for its first sight of the log. Longer than this, it begins without.
JOINED_WITHIN = 0.5


class InvalidationLog:
    """Call `follow` before the first read; the rest is safe from any thread."""

    def __init__(self, server: Server, prefix: str) -> None:
        self.server = server
        self.prefix = prefix
        self.process = os.getpid()
        self.ledger = Ledger()
        self.stream = LogStream(server, prefix)
        # The tail waits on a connection of its own, appends do not wait for it.
        self.tail = Tail(LogStream(server, prefix), self.ledger, self.consumed)
        self.waiters: list[tuple[Position, Future[None]]] = []
        self.unsent: dict[str, tuple[Kind, tuple[str, ...]]] = {}
        self.lock = threading.Lock()
        self.joined = threading.Event()
        self.complained_at = float("-inf")

    def follow(self) -> None:
        self.tail.start()
        self.joined.wait(JOINED_WITHIN)

    def stop(self, *, wait: bool = True) -> None:
        """Follow no longer; `wait` until its thread has ended, a quarter of a second at most."""
        self.tail.stop(wait=wait)
        self.stream.close()

    # --- appending ----------------------------------------------------------------------------------

    def append(self, kind: Kind, tags: Iterable[str], nonce: str | None = None) -> None:
        """What was made before this is judged by it: here at once, elsewhere when they have read it.

        Raises NotAppended when the log refuses or does not answer. Nothing of these tags is served by this
        process from then on, until the record has come: it is sent again for as long as the process lives, and
        whoever keeps an outbox appends it again with the same nonce.
        """
        nonce, unique = self.prepared(kind, tags, nonce)
        try:
            position = self.stream.append(kind, unique, nonce)
        except (RedisError, OSError) as error:
            raise self.refused(kind, unique, nonce, error) from error
        self.appended(nonce)
        wait_for(self.consumption(position))

    async def aappend(self, kind: Kind, tags: Iterable[str], nonce: str | None = None) -> None:
        nonce, unique = self.prepared(kind, tags, nonce)
        try:
            position = await self.stream.aappend(kind, unique, nonce)
        except (RedisError, OSError) as error:
            raise self.refused(kind, unique, nonce, error) from error
        self.appended(nonce)
        await self.caught_up(position)

    def prepared(self, kind: Kind, tags: Iterable[str], nonce: str | None) -> tuple[str, tuple[str, ...]]:
        """Held before it is sent: no reader of this process finds a moment in between."""
        nonce, unique = nonce or secrets.token_hex(8), tuple(dict.fromkeys(tags))
        self.ledger.hold(nonce, kind, unique)
        return nonce, unique

    def refused(self, kind: Kind, tags: tuple[str, ...], nonce: str, error: Exception) -> NotAppended:
        with self.lock:
            self.unsent[nonce] = (kind, tags)
        return NotAppended(f"The invalidation log did not take {', '.join(tags[:3])}: {error}")

    def appended(self, nonce: str) -> None:
        with self.lock:
            self.unsent.pop(nonce, None)

    # --- when the tail has moved --------------------------------------------------------------------

    def consumption(self, position: Position) -> "Future[None]":
        """Done when this process has consumed the log up to that position."""
        future: Future[None] = Future()
        with self.lock:
            if self.ledger.tail >= position:
                future.set_result(None)
            else:
                self.waiters.append((position, future))
        return future

    async def caught_up(self, position: Position) -> None:
        """Returns when it has, or after half a second."""
        await asyncio.wait([asyncio.wrap_future(self.consumption(position))], timeout=CONSUMED_WITHIN)

    def consumed(self) -> None:
        """On the tail's thread: tell those who waited, and send again what was refused."""
        self.joined.set()
        with self.lock:
            tail = self.ledger.tail
            ready = [future for position, future in self.waiters if position <= tail]
            self.waiters = [(position, future) for position, future in self.waiters if position > tail]
            unsent = list(self.unsent.items())
        for future in ready:
            if not future.cancelled():
                future.set_result(None)
        for nonce, (kind, tags) in unsent:
            if not self.sent_again(nonce, kind, tags):
                break

    def sent_again(self, nonce: str, kind: Kind, tags: tuple[str, ...]) -> bool:
        try:
            self.tail.stream.append(kind, tags, nonce)
        except RedisError as error:
            # It answers and takes nothing: full. What others hold must not live on as if nothing had been.
            self.tail.stream.drop_epoch()
            if time.monotonic() - self.complained_at >= SECONDS_BETWEEN_COMPLAINTS:
                self.complained_at = time.monotonic()
                logger.warning("an invalidation is refused, all entries end with their epoch: %s", error)
            return False
        self.appended(nonce)
        return True


def wait_for(future: "Future[None]") -> None:
    try:
        future.result(CONSUMED_WITHIN)
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
