"""An event loop's way to one server."""

import asyncio
from typing import Any

from redis import exceptions

from content.caching.backends.server import Server
from content.caching.backends.turn import together
from content.caching.backends.wire import Waiting, Wire, as_redis_error

FIRST_PAUSE = 0.01
LONGEST_PAUSE = 0.1


class Link:
    """This loop's way to one server: one connection that all callers share, made when first needed.

    What is asked for while there is none waits for it. When it is lost, what was due is asked again over the
    next one, as often as the server's `retries` say, with pauses that double; then it fails. After a timeout
    nothing is asked again: whoever waited that long is told.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.loop = asyncio.get_running_loop()
        self.waiting: list[Waiting] = []
        self.scheduled = False
        self.wire: Wire | None = None
        self.connecting: asyncio.Task[None] | None = None
        self.failures = 0
        self.pinger: asyncio.TimerHandle | None = None
        self.plain: Any = None

    @property
    def client(self) -> Any:
        """A redis.asyncio client with connections of its own, for what needs one: locks, scans."""
        if self.plain is None:
            self.plain = self.server.client()
        return self.plain

    def ask(self, *command: Any) -> "asyncio.Future[Any]":
        """The answer to come. Cancelling it takes nothing from anybody else."""
        future = self.loop.create_future()
        self.waiting.append((command, future))
        if not self.scheduled:
            self.scheduled = True
            self.loop.call_soon(self.send)
        return future

    def send(self) -> None:
        self.scheduled = False
        if not self.waiting:
            return
        if self.wire is not None and self.wire.is_open:
            waiting, self.waiting = self.waiting, []
            self.wire.send(waiting if len(waiting) == 1 else list(together(waiting)))
        elif self.connecting is None:
            self.connecting = self.loop.create_task(self.connect())

    # --- the connection's life ----------------------------------------------------------------------

    async def connect(self) -> None:
        """Until there is a connection or no retry is left; then all who wait are told."""
        try:
            while True:
                try:
                    self.wire = await self.server.connect()
                    break
                except (OSError, exceptions.RedisError) as error:
                    if self.failures >= self.server.retries:
                        self.failures = 0
                        self.fail(self.take_waiting(), as_redis_error(error))
                        return
                    await asyncio.sleep(min(FIRST_PAUSE * 2**self.failures, LONGEST_PAUSE))
                    self.failures += 1
            self.wire.lost.add_done_callback(self.connection_lost)
            self.schedule_ping()
        finally:
            self.connecting = None
        if self.waiting:
            self.send()

    def connection_lost(self, lost: "asyncio.Future[BaseException]") -> None:
        if lost.cancelled() or self.wire is None:
            return
        error, due, self.wire = lost.result(), list(self.wire.due), None
        if isinstance(error, exceptions.TimeoutError) or self.failures >= self.server.retries:
            self.failures = 0
            self.fail(due, error)
        elif due:
            self.failures += 1
            self.waiting[:0] = due
        if self.waiting:
            self.send()

    def schedule_ping(self) -> None:
        """A connection that nobody uses is asked now and then whether it still is one."""
        self.failures = 0
        self.pinger = self.loop.call_later(self.server.health_check_interval, self.ping)

    def ping(self) -> None:
        if self.wire is not None and self.wire.is_open:
            self.ask("PING").add_done_callback(heard)
            self.schedule_ping()

    def take_waiting(self) -> list[Waiting]:
        waiting, self.waiting = self.waiting, []
        return waiting

    def fail(self, waiting: list[Waiting], error: BaseException) -> None:
        for _, future in waiting:
            if not future.done():
                future.set_exception(error)

    async def close(self) -> None:
        """Those who still wait are told."""
        if self.pinger is not None:
            self.pinger.cancel()
        if self.connecting is not None:
            self.connecting.cancel()
            await asyncio.gather(self.connecting, return_exceptions=True)
        ended = exceptions.ConnectionError("The event loop ends.")
        wire, self.wire = self.wire, None
        if wire is not None:
            self.fail(list(wire.due), ended)
            wire.cut(ended)
        self.fail(self.take_waiting(), ended)
        if self.plain is not None:
            await self.plain.aclose(close_connection_pool=True)
        # Transports close in the loop's next turn.
        await asyncio.sleep(0)


def heard(answer: "asyncio.Future[Any]") -> None:
    """Whether it was answered or not has shown itself on the wire."""
    if not answer.cancelled():
        answer.exception()
