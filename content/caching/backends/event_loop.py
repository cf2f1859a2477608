"""The connections of each event loop: opened on first use, closed when the loop ends."""

import asyncio
import contextlib
import os
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable

from .cluster import ClusterConnection
from .connection import Connection
from .server import Server

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
