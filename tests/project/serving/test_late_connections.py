"""A connection that is created after the server asked all others to close."""

import asyncio
import signal
import socket
from typing import ClassVar

import pytest
import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from project.serving.worker_main import Server


async def application(scope, receive, send):
    """It gets no request."""


class LateConnection(HttpToolsProtocol):
    """The server shuts down after the kernel handed over the connection, and before its protocol is created."""

    server: ClassVar[Server]
    shutting_down: ClassVar[asyncio.Task[None]]
    was_asked: ClassVar[asyncio.Event]

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        type(self).shutting_down = asyncio.ensure_future(type(self).server.shutdown())

    def shutdown(self):
        self.was_asked.set()
        super().shutdown()


@pytest.fixture(autouse=True)
def restore_signals():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_late_connection_is_closed():
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(connect_late())


async def connect_late():
    # Without a lifespan. The connection itself begins the shutdown.
    config = uvicorn.Config(application, http=LateConnection, lifespan="off", log_config=None)
    config.load()
    server = LateConnection.server = Server(config, lambda: None)
    server.lifespan = config.lifespan_class(config)
    LateConnection.was_asked = asyncio.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await server.startup([listener])
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        try:
            await asyncio.wait_for(LateConnection.was_asked.wait(), 60)
            assert await reader.read() == b""
        finally:
            writer.close()
            await LateConnection.shutting_down
