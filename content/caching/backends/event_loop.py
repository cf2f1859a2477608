"""Connections belong to an event loop: made in it, and closed when it ends."""

import asyncio
import contextlib
import os
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable

from content.caching.backends.cluster import ClusterConnection
from content.caching.backends.connection import Connection
from content.caching.backends.server import Server

AnyConnection = Connection | ClusterConnection
LoopFinalizer = AsyncGenerator[None, None]
# The process id tells a forked child's connections from its parent's.
_Connections = dict[tuple[int, Server], tuple[AnyConnection, LoopFinalizer]]

_connections_by_loop: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Connections]" = (
    weakref.WeakKeyDictionary()
)


def connection_to(server: Server) -> AnyConnection:
    """This loop's connection to that server, made when first asked for."""
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

    connections[key] = (connection, call_at_loop_end(close))
    return connection


def call_at_loop_end(end: Callable[[], Awaitable[None]]) -> LoopFinalizer:
    """Loops end by closing the asynchronous generators that were begun in them (PEP 525): this one is such.

    Keep what is returned: what nobody holds is closed at once.
    """
    finalizer = _finalize_with(end)
    # The first step registers it with the loop; nothing in it waits.
    with contextlib.suppress(StopIteration):
        finalizer.__anext__().send(None)
    return finalizer


async def _finalize_with(end: Callable[[], Awaitable[None]]) -> LoopFinalizer:
    try:
        yield
    finally:
        await end()
