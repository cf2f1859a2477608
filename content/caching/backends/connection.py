"""An event loop's way to one server."""

import asyncio
from typing import Any

from redis import exceptions

from content.caching.backends.batch import join_reads
from content.caching.backends.protocol import PendingCommand, RedisProtocol, as_redis_error
from content.caching.backends.server import Server

_FIRST_PAUSE = 0.01
_MAX_PAUSE = 0.1


class Connection:
    """This loop's way to one server: one connection that all callers share, made when first needed.

    What is asked for while there is none waits for it. When it is lost, what was due is asked again over the
    next one, as often as the server's `retries` say, with pauses that double; then it fails. After a timeout
    nothing is asked again: whoever waited that long is told.
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
        """A redis.asyncio client with connections of its own, for what needs one: locks, scans."""
        if self._client is None:
            self._client = self._server.client()
        return self._client

    def execute(self, *command: Any) -> "asyncio.Future[Any]":
        """The answer to come. Cancelling it takes nothing from anybody else."""
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
            waiting, self._queue = self._queue, []
            self._protocol.send(waiting if len(waiting) == 1 else list(join_reads(waiting)))
        elif self._connecting is None:
            self._connecting = self._loop.create_task(self._connect())

    # --- the connection's life ----------------------------------------------------------------------

    async def _connect(self) -> None:
        """Until there is a connection or no retry is left; then all who wait are told."""
        try:
            while True:
                try:
                    self._protocol = await self._server.connect()
                    break
                except (OSError, exceptions.RedisError) as error:
                    if self._failures >= self._server.retries:
                        self._failures = 0
                        self._fail(self._take_queue(), as_redis_error(error))
                        return
                    await asyncio.sleep(min(_FIRST_PAUSE * 2**self._failures, _MAX_PAUSE))
                    self._failures += 1
            self._protocol.lost.add_done_callback(self._on_connection_lost)
            self._schedule_ping()
        finally:
            self._connecting = None
        if self._queue:
            self._send()

    def _on_connection_lost(self, lost: "asyncio.Future[BaseException]") -> None:
        if lost.cancelled() or self._protocol is None:
            return
        error, due, self._protocol = lost.result(), list(self._protocol.unanswered), None
        if isinstance(error, exceptions.TimeoutError) or self._failures >= self._server.retries:
            self._failures = 0
            self._fail(due, error)
        elif due:
            self._failures += 1
            self._queue[:0] = due
        if self._queue:
            self._send()

    def _schedule_ping(self) -> None:
        """A connection that nobody uses is asked now and then whether it still is one."""
        self._failures = 0
        self._ping_timer = self._loop.call_later(self._server.health_check_interval, self._ping)

    def _ping(self) -> None:
        if self._protocol is not None and self._protocol.is_open:
            self.execute("PING").add_done_callback(_ignore_answer)
            self._schedule_ping()

    def _take_queue(self) -> list[PendingCommand]:
        waiting, self._queue = self._queue, []
        return waiting

    def _fail(self, waiting: list[PendingCommand], error: BaseException) -> None:
        for _, future in waiting:
            if not future.done():
                future.set_exception(error)

    async def close(self) -> None:
        """Those who still wait are told."""
        if self._ping_timer is not None:
            self._ping_timer.cancel()
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        ended = exceptions.ConnectionError("The event loop ends.")
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            self._fail(list(protocol.unanswered), ended)
            protocol.abort(ended)
        self._fail(self._take_queue(), ended)
        if self._client is not None:
            await self._client.aclose(close_connection_pool=True)
        # Transports close in the loop's next turn.
        await asyncio.sleep(0)


def _ignore_answer(answer: "asyncio.Future[Any]") -> None:
    """Whether it was answered or not has shown itself on the protocol."""
    if not answer.cancelled():
        answer.exception()
