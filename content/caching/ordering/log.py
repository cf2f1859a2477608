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

from ..backends.server import Server
from ..entry import Position
from ..errors import NotAppended
from ..key import check_nonce, check_tags
from ..tracing import PRODUCER, current_span_of, with_span
from .log_reader import LogReader
from .stream import TAGS_A_RECORD, Appended, LogStream, OwnRecord, format_position
from .tag_index import Kind, TagIndex

logger = logging.getLogger("content.caching")

# Seconds that an append waits until this process has consumed it. After that the pending tags stand in for it.
CONSUME_TIMEOUT = 0.5
SECONDS_BETWEEN_WARNINGS = 10.0
# Records that wait until Redis takes them, in a process. Past it their epoch ends instead, once Redis answers.
MAX_UNSENT = 1_000
# Tags that the span of an append names.
SHOWN_TAGS = 10
# Seconds that a process waits, once, for its first try to join the log. After that it begins without.
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
        self.waiters: list[tuple[OwnRecord | Position | None, Future[None]]] = []
        # Appended by this process, and not consumed yet.
        self.own_records: list[OwnRecord] = []
        self.unsent: dict[str, tuple[Kind, tuple[str, ...]]] = {}
        self.lock = threading.Lock()
        self.warned_at = float("-inf")

    def follow(self) -> None:
        self.reader.start()
        self.reader.first_try.wait(JOIN_TIMEOUT)

    def stop(self, *, wait: bool = True) -> None:
        """Follow no longer; `wait` until its thread has ended, two seconds at most."""
        self.reader.stop(wait=wait)
        self.stream.close()

    # --- appending ----------------------------------------------------------------------------------

    @with_span("invalidate", PRODUCER)
    def append(self, kind: Kind, tags: Iterable[str], nonce: str | None = None) -> Appended:
        """Judge by it all that was made before: in this process at once, in others when they have read it.

        Returns where the last record stands.

        Raises NotAppended when the log refuses or does not answer. This process then serves nothing with these tags
        until it has read the record. It retries while it lives; an outbox appends it again with the same nonce.
        """
        records = self._prepare(kind, tags, nonce)
        for number, (nonce, part) in enumerate(records):
            try:
                appended = self.stream.append(kind, part, nonce)
            except (RedisError, OSError) as error:
                raise self._keep_unsent(kind, records[number:], error) from error
            except BaseException as error:
                # Whether it was sent is not known.
                self._keep_unsent(kind, records[number:], error)
                raise
            own = self._confirm(nonce, appended)
        _note_append(kind, records, own)
        _wait_for(self._consumption(own))
        return own.appended

    @with_span("invalidate", PRODUCER)
    async def aappend(self, kind: Kind, tags: Iterable[str], nonce: str | None = None) -> Appended:
        records = self._prepare(kind, tags, nonce)
        for number, (nonce, part) in enumerate(records):
            try:
                appended = await self.stream.aappend(kind, part, nonce)
            except (RedisError, OSError) as error:
                raise self._keep_unsent(kind, records[number:], error) from error
            except BaseException as error:
                # Whether it was sent is not known.
                self._keep_unsent(kind, records[number:], error)
                raise
            own = self._confirm(nonce, appended)
        _note_append(kind, records, own)
        await _await(self._consumption(own))
        return own.appended

    def _prepare(self, kind: Kind, tags: Iterable[str], nonce: str | None) -> list[tuple[str, tuple[str, ...]]]:
        """The records to append, one for at most TAGS_A_RECORD tags.

        Their tags are pending before the first is sent: no reader of this process falls in between. Arguments that
        cannot be sent raise TypeError or ValueError, and nothing is pending for them.
        """
        nonce = secrets.token_hex(8) if nonce is None else check_nonce(nonce)
        unique = tuple(dict.fromkeys(check_tags(tags)))
        parts = [unique[at : at + TAGS_A_RECORD] for at in range(0, len(unique), TAGS_A_RECORD)] or [()]
        records = [(nonce if number == 0 else f"{nonce}.{number}", part) for number, part in enumerate(parts)]
        for each, part in records:
            self.tag_index.add_pending(each, kind, part)
        return records

    def _keep_unsent(
        self, kind: Kind, records: list[tuple[str, tuple[str, ...]]], error: BaseException
    ) -> NotAppended:
        with self.lock:
            self.unsent.update({nonce: (kind, tags) for nonce, tags in records})
            if len(self.unsent) > MAX_UNSENT:
                self.unsent.clear()
                self.tag_index.give_up_pending()
        return NotAppended(f"The invalidation log did not take {', '.join(records[0][1][:3])}: {error}")

    def _confirm(self, nonce: str, appended: Appended) -> "OwnRecord":
        own = OwnRecord(nonce, appended, self.tag_index.joins)
        with self.lock:
            self.unsent.pop(nonce, None)
            self.own_records.append(own)
        return own

    def _forget_unsent(self, nonce: str) -> None:
        with self.lock:
            self.unsent.pop(nonce, None)
        self.tag_index.end_pending(nonce)

    # --- when the tail has moved --------------------------------------------------------------------

    async def finish_joining(self) -> None:
        """Wait for a process that joins the log, two seconds at most: its readers would load what is still valid."""
        seconds = self.reader.joining_until - time.monotonic()
        if seconds > 0:
            future = self._consumption(None)
            if asyncio._get_running_loop() is None:
                _wait_for(future, seconds)
            else:
                await _await(future, seconds)

    def _consumption(self, goal: "OwnRecord | Position | None") -> "Future[None]":
        """Done when this process has consumed the log up to there; None: when it has joined the log."""
        future: Future[None] = Future()
        with self.lock:
            if self._is_consumed(goal):
                future.set_result(None)
            else:
                self.waiters.append((goal, future))
        return future

    def _is_consumed(self, goal: "OwnRecord | Position | None") -> bool:
        if goal is None:
            return not self.reader.is_joining
        return goal.is_known_to(self.tag_index) if isinstance(goal, OwnRecord) else self.tag_index.tail >= goal

    async def catch_up_to(self, position: Position) -> None:
        """Wait until this process has read the log up to there, half a second at most."""
        await _await(self._consumption(position))

    def catch_up(self) -> None:
        """Wait until this process has read what is in the log now, half a second at most.

        Raises NotAppended if the log does not answer: a record of another process may not be known here.
        """
        try:
            position = self.stream.last_position()
        except (RedisError, OSError) as error:
            raise NotAppended(f"The invalidation log does not answer: {error}") from error
        _wait_for(self._consumption(position))

    def _on_consumed(self) -> None:
        """Wake the waiters, and send refused appends again. Called on the reader's thread."""
        with self.lock:
            waiters, self.waiters = self.waiters, []
            own_records, self.own_records = self.own_records, []
            ready, known = list[Future[None]](), list[OwnRecord]()
            for goal, future in waiters:
                if self._is_consumed(goal):
                    ready.append(future)
                else:
                    self.waiters.append((goal, future))
            for own in own_records:
                (known if own.is_known_to(self.tag_index) else self.own_records).append(own)
            unsent = list(self.unsent.items())
        for own in known:
            self.tag_index.end_pending(own.nonce)
        for future in ready:
            if not future.cancelled():
                future.set_result(None)
        for nonce, (kind, tags) in unsent:
            if not self._resend(nonce, kind, tags):
                break

    def _resend(self, nonce: str, kind: Kind, tags: tuple[str, ...]) -> bool:
        try:
            appended = self.reader.stream.append(kind, tags, nonce)
        except RedisError as error:
            # Redis answers and takes nothing: it is full. End the epoch, lest others serve what was invalidated.
            self.reader.stream.drop_epoch()
            if time.monotonic() - self.warned_at >= SECONDS_BETWEEN_WARNINGS:
                self.warned_at = time.monotonic()
                logger.warning("an invalidation is refused, all entries end with their epoch: %s", error)
            return False
        except OSError:
            raise
        except Exception:
            # It can never be sent. All entries end with their epoch once, so that it is not needed.
            logger.exception("an invalidation cannot be sent, all entries end with their epoch")
            self.reader.stream.drop_epoch()
            self._forget_unsent(nonce)
            return True
        self._confirm(nonce, appended)
        return True


async def _await(future: "Future[None]", seconds: float = CONSUME_TIMEOUT) -> None:
    """Like `_wait_for`, on an event loop."""
    await asyncio.wait([asyncio.wrap_future(future)], timeout=seconds)


def _wait_for(future: "Future[None]", seconds: float = CONSUME_TIMEOUT) -> None:
    try:
        future.result(seconds)
    except TimeoutError:
        future.cancel()


def _note_append(kind: Kind, records: list[tuple[str, tuple[str, ...]]], own: OwnRecord) -> None:
    """Set attributes on the span of the append. A purge of the record has the same position."""
    if (span := current_span_of("invalidate")) is not None:
        tags = [tag for _, part in records for tag in part]
        span.set("evergreen.kind", kind.name.lower())
        span.set("evergreen.tags", tags[:SHOWN_TAGS])
        span.set("evergreen.tag_count", len(tags))
        span.set("evergreen.position", format_position(own.appended.position))


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


def _begin_anew_in_child() -> None:
    """Another thread of the parent may have held the lock."""
    global logs_lock
    logs_lock = threading.Lock()


os.register_at_fork(after_in_child=_begin_anew_in_child)


def stop_logs() -> None:
    """Called at the end of the process, lest a thread that outlives it logs errors about a Redis that has ended."""
    for log in logs.values():
        log.stop(wait=False)


atexit.register(stop_logs)
