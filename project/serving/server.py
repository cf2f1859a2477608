import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import uvicorn

# Seconds; uvicorn looks as often whether all connections are closed.
TURN = 0.1


class Server(uvicorn.Server):
    """uvicorn's, that says when it is ready, obeys its parent alone, and leaves nobody it has accepted."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self.ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Until it is through, SIGTERM kills: there is nothing to finish yet."""
        await super().startup(sockets)
        signal.signal(signal.SIGTERM, self.ask_to_end)
        self.ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None as uvicorn would: SIGTERM is the parent's word, and those of terminals are blocked."""
        yield

    def ask_to_end(self, number: int, frame: FrameType | None) -> None:
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn tells the connections that it knows of, once. There are some that it does not know of yet:

        1. The kernel gives us a connection in this turn of the loop, and it is made in the next.
        2. We are told to end: listeners are closed, connections are told.
        3. It is made, or its TLS handshake ends, and nobody has told it: it stays open until the process ends, and is
           cut in the middle of a request.
        """
        telling = asyncio.create_task(self.tell_whoever_comes_late(set(self.server_state.connections)))
        try:
            await super().shutdown(sockets)
        finally:
            telling.cancel()

    async def tell_whoever_comes_late(self, told: set[Any]) -> None:
        connections = self.server_state.connections
        while True:
            await asyncio.sleep(TURN)
            for connection in connections - told:
                connection.shutdown()
            told = set(connections)
