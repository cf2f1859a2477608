"""The Redis protocol (RESP 2) on one shared connection. Redis answers in the order of the commands."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, cast

import hiredis
from redis import exceptions

# Seconds after the timeout in which answers that have already arrived are still read.
_GRACE_SECONDS = 0.01

Command = tuple[Any, ...]
PendingCommand = tuple[Command, "asyncio.Future[Any]"]

_ERRORS: dict[str, type[exceptions.RedisError]] = {
    "NOAUTH": exceptions.AuthenticationError,
    "WRONGPASS": exceptions.AuthenticationError,
    "NOPERM": exceptions.NoPermissionError,
    "READONLY": exceptions.ReadOnlyError,
    "OOM": exceptions.OutOfMemoryError,
    "LOADING": exceptions.BusyLoadingError,
    "NOSCRIPT": exceptions.NoScriptError,
}


def _error_of(text: str) -> exceptions.RedisError:
    code, _, rest = text.partition(" ")
    kind = _ERRORS.get(code)
    return kind(rest) if kind else exceptions.ResponseError(text)


def _can_be_packed(pending: PendingCommand) -> bool:
    command, future = pending
    try:
        hiredis.pack_command(command)
    except Exception as error:
        if not future.done():
            future.set_exception(error)
        return False
    return True


class RedisProtocol(asyncio.Protocol):
    """One connection to Redis.

    `timeout`: the connection is aborted after that many seconds without a byte while commands are unanswered.
    `lost`: resolves to the error when the connection is lost. `unanswered` then holds the commands to retry or fail.
    """

    def __init__(self, timeout: float | None) -> None:
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(replyError=_error_of, protocolError=exceptions.InvalidResponse)
        self.unanswered: deque[PendingCommand] = deque()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._received_at = self._loop.time()
        self._is_in_grace = False
        self.lost: asyncio.Future[BaseException] = self._loop.create_future()

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(self, batch: Sequence[PendingCommand]) -> None:
        """Send the whole batch in one write. A command that Redis cannot be sent fails alone, with TypeError."""
        assert self._transport is not None  # noqa: S101
        pack = hiredis.pack_command
        try:
            packed = [pack(command) for command, _ in batch]
        except Exception:
            batch = [pending for pending in batch if _can_be_packed(pending)]
            packed = [pack(command) for command, _ in batch]
            if not batch:
                return
        if not self.unanswered:
            self._received_at = self._loop.time()
            self._is_in_grace = False
        self.unanswered.extend(batch)
        self._transport.write(b"".join(packed))
        if self._timeout is not None and self._timer is None:
            self._timer = self._loop.call_later(self._timeout, self._check_timeout)

    def execute(self, *command: Any) -> "asyncio.Future[Any]":
        """Send one command by itself."""
        future = self._loop.create_future()
        self.send([(command, future)])
        return future

    def _check_timeout(self) -> None:
        """The connection's only timer. It runs again while commands are unanswered."""
        self._timer = None
        if not self.unanswered or self._timeout is None:
            return
        remaining = self._received_at + self._timeout - self._loop.time()
        if remaining > 0:
            self._timer = self._loop.call_later(remaining, self._check_timeout)
        elif not self._is_in_grace:
            # After a stopped process or a blocked loop, the answers may have arrived but not been read.
            self._is_in_grace = True
            self._timer = self._loop.call_later(_GRACE_SECONDS, self._check_timeout)
        else:
            self.abort(exceptions.TimeoutError(f"Redis has not answered for {self._timeout:g} s; giving up."))

    def abort(self, error: BaseException) -> None:
        """Close at once and resolve `lost` to the error."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self.lost.done():
            self.lost.set_result(error)
        if self._transport is not None:
            self._transport.abort()

    def discard(self) -> None:
        """Close the socket when the event loop is closed already."""
        if self._transport is not None:
            close_socket(self._transport)

    # --- asyncio.Protocol ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received_at = self._loop.time()
        self._is_in_grace = False
        try:
            self._reader.feed(data)
            while (answer := self._reader.gets()) is not False:
                self._resolve_next(answer)
        except (exceptions.InvalidResponse, IndexError) as error:
            self.abort(exceptions.ConnectionError(f"The server does not speak the Redis protocol: {error}"))

    def _resolve_next(self, answer: Any) -> None:
        _, future = self.unanswered.popleft()
        if isinstance(answer, exceptions.ReadOnlyError):
            # This server is now a replica. A new connection may reach the new primary.
            self._loop.call_soon(self.abort, answer)
        if future.done():
            return
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)

    def connection_lost(self, error: Exception | None) -> None:
        self.abort(exceptions.ConnectionError(f"The connection to Redis was lost: {error or 'closed by Redis'}."))


def close_socket(transport: Any) -> None:
    """Of a transport whose loop is closed. asyncio itself would need the loop; uvloop has closed it with the loop."""
    tls = getattr(transport, "_ssl_protocol", None)
    transport = transport if tls is None else tls._transport
    connection = getattr(transport, "_sock", None)
    if connection is not None:
        with contextlib.suppress(RuntimeError):
            # It marks the transport as closing, and then fails to tell the loop.
            transport.abort()
        connection.close()
        transport._sock = None


def as_redis_error(error: BaseException) -> BaseException:
    """The error that redis-py would raise, so that callers handle one family of errors."""
    if isinstance(error, exceptions.RedisError):
        return error
    if isinstance(error, TimeoutError):
        return exceptions.TimeoutError(f"Cannot connect to Redis in time: {error}")
    return exceptions.ConnectionError(f"Cannot connect to Redis: {error}")


def discard_connections(connections: Iterable[Any]) -> None:
    """Of redis.asyncio, whose event loop is closed already."""
    for connection in connections:
        if connection._writer is not None:
            close_socket(connection._writer.transport)
            connection._reader = connection._writer = None
