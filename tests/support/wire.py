"""A real connection to EdgeProtocol in the test's own loop, and a client that speaks HTTP/1.1 on it."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import h11
import uvicorn
from uvicorn.server import ServerState

from content.caching.edge.protocol import EdgeProtocol

Pairs = list[tuple[bytes, bytes]]
# Status, fields and body.
Received = tuple[int, Pairs, bytes]


def server_config(app: Any, **options: Any) -> uvicorn.Config:
    defaults: dict[str, Any] = {"http": EdgeProtocol, "lifespan": "off", "log_config": None, "access_log": False}
    config = uvicorn.Config(app, **defaults | options)
    config.load()
    return config


@contextlib.asynccontextmanager
async def connect(
    app: Any, state: ServerState | None = None, config: uvicorn.Config | None = None, **options: Any
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, EdgeProtocol]]:
    """Both ends of one connection, and the protocol at the server's."""
    loop, (ours, theirs) = asyncio.get_running_loop(), socket.socketpair()
    config, state = config or server_config(app, **options), state or ServerState()
    _, protocol = await loop.connect_accepted_socket(lambda: EdgeProtocol(config, state, {}), theirs)
    reader, writer = await asyncio.open_connection(sock=ours)
    try:
        yield reader, writer, protocol
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        protocol.transport.close()
        await asyncio.sleep(0)


async def exchange(config: uvicorn.Config, method: str, target: str, headers: Pairs) -> Received:
    """The response, once all tasks of the connection have ended, as after a call of the application."""
    async with connect(config.app, config=config) as (reader, writer, protocol):
        writer.write(request(method, target, headers))
        received = await answer(reader, method)
        await asyncio.gather(*protocol.tasks)
        return received


def request(method: str, target: str, headers: Pairs) -> bytes:
    head = f"{method} {target} HTTP/1.1\r\n".encode("latin-1")
    return head + b"".join(name + b": " + value + b"\r\n" for name, value in headers) + b"\r\n"


async def answer(reader: asyncio.StreamReader, method: str = "GET") -> Received:
    """Read the next one with h11. The bytes behind it in the same packet are lost: send one request at a time."""
    parser = h11.Connection(h11.CLIENT)
    parser.send(h11.Request(method=method, target="/", headers=[("host", "x"), ("content-length", "0")]))
    parser.send(h11.EndOfMessage())
    status, body = 0, b""
    headers: Pairs = []
    while True:
        event = parser.next_event()
        if event is h11.NEED_DATA:
            parser.receive_data(await reader.read(65536))
        elif isinstance(event, h11.Response):
            status, headers = (
                event.status_code,
                [(bytes(name), bytes(value)) for name, value in event.headers.raw_items()],
            )
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return status, [(name.lower(), value) for name, value in headers], body
        elif isinstance(event, h11.ConnectionClosed):
            raise ConnectionError("closed before the answer was complete")
