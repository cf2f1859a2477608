"""A connection that is made when all others have been told that the server ends."""

import asyncio
import signal
import socket
from typing import ClassVar

import pytest
import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from project.serving.server import Server


async def application(scope, receive, send):
    """Nobody asks anything of it."""


class EndsAsItArrives(HttpToolsProtocol):
    """The kernel has given us a connection; before it is made, the server is told to end."""

    ends: ClassVar[Server]
    ended: ClassVar[asyncio.Task[None]]
    told: ClassVar[asyncio.Event]

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        type(self).ended = asyncio.ensure_future(self.ends.shutdown())

    def shutdown(self):
        self.told.set()
        super().shutdown()


@pytest.fixture(autouse=True)
def signals_as_they_were():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_it_is_told_as_well():
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(one_comes_late())


async def one_comes_late():
    # Without its lifespan, and with no end but the one that is under test.
    config = uvicorn.Config(application, http=EndsAsItArrives, lifespan="off", log_config=None)
    config.load()
    server = EndsAsItArrives.ends = Server(config, ready=lambda: None)
    server.lifespan = config.lifespan_class(config)
    EndsAsItArrives.told = asyncio.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await server.startup([listener])
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        try:
            await asyncio.wait_for(EndsAsItArrives.told.wait(), 60)
            assert await reader.read() == b""
        finally:
            writer.close()
            await EndsAsItArrives.ended
