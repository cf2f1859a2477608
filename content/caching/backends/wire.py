"""One connection, many callers: commands go out as they come, answers come back in the same order."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, cast

import hiredis
from redis import exceptions

# Seconds past the timeout, in which what has come already is read.
LAST_LOOK = 0.01

Command = tuple[Any, ...]
Waiting = tuple[Command, "asyncio.Future[Any]"]

ERRORS: dict[str, type[exceptions.RedisError]] = {
    "NOAUTH": exceptions.AuthenticationError,
    "WRONGPASS": exceptions.AuthenticationError,
    "NOPERM": exceptions.NoPermissionError,
    "READONLY": exceptions.ReadOnlyError,
    "OOM": exceptions.OutOfMemoryError,
    "LOADING": exceptions.BusyLoadingError,
    "NOSCRIPT": exceptions.NoScriptError,
}


def error_of(text: str) -> exceptions.RedisError:
    code, _, rest = text.partition(" ")
    kind = ERRORS.get(code)
    return kind(rest) if kind else exceptions.ResponseError(text)


class Wire(asyncio.Protocol):
    """A connection to Redis (RESP 2). `timeout`: seconds without a byte while answers are due, then it is cut."""

    def __init__(self, timeout: float | None) -> None:
        self.timeout = timeout
        self.loop = asyncio.get_running_loop()
        self.reader = hiredis.Reader(replyError=error_of, protocolError=exceptions.InvalidResponse)
        self.due: deque[Waiting] = deque()
        self.transport: asyncio.Transport | None = None
        self.watch: asyncio.TimerHandle | None = None
        self.heard_at = self.loop.time()
        self.is_last_look = False
        self.lost: asyncio.Future[BaseException] = self.loop.create_future()

    @property
    def is_open(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    def send(self, batch: Sequence[Waiting]) -> None:
        """One write for the whole batch."""
        assert self.transport is not None  # noqa: S101
        pack = hiredis.pack_command
        packed = [pack(command) for command, _ in batch]
        if not self.due:
            self.heard_at = self.loop.time()
            self.is_last_look = False
        self.due.extend(batch)
        self.transport.write(b"".join(packed))
        if self.timeout is not None and self.watch is None:
            self.watch = self.loop.call_later(self.timeout, self.check)

    def ask(self, *command: Any) -> "asyncio.Future[Any]":
        """One command by itself; its answer may be an error to raise."""
        future = self.loop.create_future()
        self.send([(command, future)])
        return future

    def check(self) -> None:
        """The one timer of the connection: armed again for as long as answers are due."""
        self.watch = None
        if not self.due or self.timeout is None:
            return
        left = self.heard_at + self.timeout - self.loop.time()
        if left > 0:
            self.watch = self.loop.call_later(left, self.check)
        elif not self.is_last_look:
            # A process that was stopped, or a loop that was held up, may have the answers unread.
            self.is_last_look = True
            self.watch = self.loop.call_later(LAST_LOOK, self.check)
        else:
            self.cut(exceptions.TimeoutError(f"Redis has not answered for {self.timeout:g} s."))

    def cut(self, error: BaseException) -> None:
        """Close at once; whoever takes over gets `error` and what is due."""
        if self.watch is not None:
            self.watch.cancel()
            self.watch = None
        if not self.lost.done():
            self.lost.set_result(error)
        if self.transport is not None:
            self.transport.abort()

    # --- asyncio.Protocol ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.heard_at = self.loop.time()
        self.is_last_look = False
        try:
            self.reader.feed(data)
            while (answer := self.reader.gets()) is not False:
                self.settle(answer)
        except (exceptions.InvalidResponse, IndexError) as error:
            self.cut(exceptions.ConnectionError(f"Redis said what is no answer: {error}"))

    def settle(self, answer: Any) -> None:
        _, future = self.due.popleft()
        if isinstance(answer, exceptions.ReadOnlyError):
            # This server was demoted: the next connection finds the one that was promoted.
            self.loop.call_soon(self.cut, answer)
        if future.done():
            return
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)

    def connection_lost(self, error: Exception | None) -> None:
        self.cut(exceptions.ConnectionError(f"The connection to Redis was lost: {error or 'closed by Redis'}."))


def as_redis_error(error: BaseException) -> BaseException:
    """What redis-py would raise: callers need to know one family of errors."""
    if isinstance(error, exceptions.RedisError):
        return error
    if isinstance(error, TimeoutError):
        return exceptions.TimeoutError(f"No connection to Redis in time: {error}")
    return exceptions.ConnectionError(f"No connection to Redis: {error}")
