"""One shared connection from an event loop to one Redis server, with automatic batching and reconnecting.

It is opened on first use and closed when the loop ends.
"""

import asyncio
import contextlib
import os
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from itertools import groupby
from typing import Any

from redis import exceptions

from .cluster import ClusterConnection
from .protocol import Command, PendingCommand, RedisProtocol, as_redis_error, discard_connections
from .server import Server

# Seconds before a connection attempt that follows a failed one.
_FIRST_PAUSE = 0.01
_MAX_PAUSE = 0.1
# The answers of one MGET are in memory at once and delay the commands behind it.
_MAX_MGET_KEYS = 500


class Connection:
    """One connection that all callers of an event loop share. The first command opens it.

    Commands of one turn of the loop form a batch: one write to the socket, with neighbouring GETs joined to one MGET.
    The next batch does not wait for the answers to the last one.

    Commands wait in a queue while the connection is down. When it is lost, unanswered commands are sent again, up to
    `server.retries` times in a row. After a timeout they fail at once, because their callers have waited enough.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._queue: list[PendingCommand] = []
        self._is_scheduled = False
        self._protocol: RedisProtocol | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._failures = 0
        self._ping_timer: asyncio.TimerHandle | None = None
        self._client: Any = None

    @property
    def client(self) -> Any:
        """A redis.asyncio client with its own connections, for locks, scans and blocking commands."""
        if self._client is None:
            self._client = self._server.client()
        return self._client

    def execute(self, *command: Any) -> "asyncio.Future[Any]":
        """Add the command to this turn's batch. Cancelling the future does not affect other callers."""
        future = self._loop.create_future()
        self._queue.append((command, future))
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._send)
        return future

    def _send(self) -> None:
        self._is_scheduled = False
        if not self._queue:
            return
        if self._protocol is not None and self._protocol.is_open:
            batch, self._queue = self._queue, []
            self._protocol.send(batch if len(batch) == 1 else list(join_reads(batch)))
        elif self._connecting is None:
            self._connecting = self._loop.create_task(self._connect())

    # --- connecting ---------------------------------------------------------------------------------

    async def _connect(self) -> None:
        """Retry with backoff. When no retry is left, all queued commands fail."""
        try:
            while True:
                try:
                    self._protocol = await self._server.connect()
                    break
                except (OSError, exceptions.RedisError) as error:
                    if self._failures >= self._server.retries:
                        self._failures = 0
                        _fail(self._take_queue(), as_redis_error(error))
                        return
                    await asyncio.sleep(min(_FIRST_PAUSE * 2**self._failures, _MAX_PAUSE))
                    self._failures += 1
                except Exception as error:
                    # A mistake in the options.
                    _fail(self._take_queue(), error)
                    return
            self._protocol.lost.add_done_callback(self._on_connection_lost)
            self._schedule_ping()
        finally:
            self._connecting = None
        if self._queue:
            self._send()

    def _on_connection_lost(self, lost: "asyncio.Future[BaseException]") -> None:
        if lost.cancelled() or self._protocol is None:
            return
        error, unanswered, self._protocol = lost.result(), list(self._protocol.unanswered), None
        if isinstance(error, exceptions.TimeoutError) or self._failures >= self._server.retries:
            self._failures = 0
            _fail(unanswered, error)
        elif unanswered:
            self._failures += 1
            self._queue[:0] = unanswered
        if self._queue:
            self._send()

    def _schedule_ping(self) -> None:
        """Check an idle connection every `health_check_interval` seconds."""
        self._failures = 0
        if self._server.ping_interval:
            self._ping_timer = self._loop.call_later(self._server.ping_interval, self._ping)

    def _ping(self) -> None:
        if self._protocol is not None and self._protocol.is_open:
            self.execute("PING").add_done_callback(_ignore_answer)
            self._schedule_ping()

    def _take_queue(self) -> list[PendingCommand]:
        queue, self._queue = self._queue, []
        return queue

    async def close(self) -> None:
        """Close all connections. Unanswered and queued commands fail."""
        if self._ping_timer is not None:
            self._ping_timer.cancel()
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        error = exceptions.ConnectionError("The connection to Redis was closed because its event loop has ended.")
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            _fail(list(protocol.unanswered), error)
            protocol.abort(error)
        _fail(self._take_queue(), error)
        if self._client is not None:
            await self._client.aclose()
        # Transports close in the loop's next turn.
        await asyncio.sleep(0)

    def discard(self) -> None:
        """Close all connections when the event loop is closed already."""
        if self._protocol is not None:
            self._protocol.discard()
        if self._client is not None:
            pool = self._client.connection_pool
            discard_connections([*pool._available_connections, *pool._in_use_connections])


def _fail(commands: Iterable[PendingCommand], error: BaseException) -> None:
    for _, future in commands:
        if not future.done():
            future.set_exception(error)


def _ignore_answer(answer: "asyncio.Future[Any]") -> None:
    """A ping that fails closes the connection; its exception needs no other reader."""
    if not answer.cancelled():
        answer.exception()


# --- joining reads -----------------------------------------------------------------------------------


def join_reads(batch: Iterable[PendingCommand]) -> Iterator[PendingCommand]:
    """Join neighbouring GETs to MGETs. The order of reads and writes stays."""
    for is_get, group in groupby(batch, lambda pending: pending[0][0] == "GET"):
        commands = list(group)
        if not is_get or len(commands) == 1:
            yield from commands
            continue
        for start in range(0, len(commands), _MAX_MGET_KEYS):
            yield _join(commands[start : start + _MAX_MGET_KEYS])


def _join(gets: list[PendingCommand]) -> PendingCommand:
    """One MGET, which resolves the futures of all its GETs."""
    futures = [future for _, future in gets]
    answers = futures[0].get_loop().create_future()
    answers.add_done_callback(lambda answers: _distribute(answers, futures))
    command: Command = ("MGET", *(command[1] for command, _ in gets))
    return command, answers


def _distribute(answers: "asyncio.Future[Any]", futures: "list[asyncio.Future[Any]]") -> None:
    if answers.cancelled():
        for future in futures:
            future.cancel()
        return
    error = answers.exception()
    values = [None] * len(futures) if error else answers.result()
    for future, value in zip(futures, values, strict=True):
        if future.done():
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(value)


# --- the connections of each event loop ----------------------------------------------------------------

AnyConnection = Connection | ClusterConnection
LoopFinalizer = AsyncGenerator[None, None]
# The process id keeps a forked child from using its parent's connections.
_Connections = dict[tuple[int, Server], tuple[AnyConnection, LoopFinalizer]]

# Seconds.
_FOREVER = 1e9

_connections_by_loop: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Connections]" = (
    weakref.WeakKeyDictionary()
)


def connection_to(server: Server) -> AnyConnection:
    """The running loop's connection to that server."""
    loop = asyncio.get_running_loop()
    connections = _connections_by_loop.get(loop)
    if connections is None:
        connections = _connections_by_loop[loop] = {}
    key = (os.getpid(), server)
    found = connections.get(key)
    return found[0] if found else _open_connection(connections, key, server)


def _open_connection(connections: _Connections, key: tuple[int, Server], server: Server) -> AnyConnection:
    connection = ClusterConnection(server) if server.cluster else Connection(server)
    loop = asyncio.get_running_loop()

    async def close() -> None:
        _connections_by_loop.pop(loop, None)
        await connection.close()

    def discard() -> None:
        _connections_by_loop.pop(loop, None)
        connection.discard()

    connections[key] = (connection, call_at_loop_end(close, discard))
    return connection


def call_at_loop_end(close: Callable[[], Awaitable[None]], discard: Callable[[], None]) -> LoopFinalizer:
    """Await `close()` when the running loop ends. Keep the returned object: without a reference it runs at once.

    A loop that ends in order closes the asynchronous generators that were started in it (PEP 525). The finalizer is
    one. A loop that is closed without that drops its timers: then `discard()` is called, which has no loop to await.
    """
    sentinel = _Sentinel(discard)
    asyncio.get_running_loop().call_later(_FOREVER, sentinel)
    finalizer = _finalize_with(close, weakref.ref(sentinel))
    # The first step registers the generator with the loop, and awaits nothing.
    with contextlib.suppress(StopIteration):
        finalizer.__anext__().send(None)
    return finalizer


class _Sentinel:
    """The callback of a timer that is never due, which nothing else refers to."""

    def __init__(self, discard: Callable[[], None]) -> None:
        self.discard: Callable[[], None] | None = discard

    def __call__(self) -> None:
        """Keep the sentinel for as long again."""
        asyncio.get_running_loop().call_later(_FOREVER, self)

    def __del__(self) -> None:
        if self.discard is not None:
            self.discard()


async def _finalize_with(
    close: Callable[[], Awaitable[None]], sentinel: "weakref.ref[_Sentinel]"
) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        waiting = sentinel()
        if waiting is not None:
            waiting.discard = None
        await close()
