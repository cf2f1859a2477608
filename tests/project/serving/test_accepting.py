"""Connections that are accepted: many at once, and one after the server asked all others to close."""

import asyncio
import os
import signal
import socket
from contextlib import ExitStack, closing
from typing import ClassVar

import pytest
import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from project.serving.listener import ACCEPTED_AT_ONCE, duplicate
from project.serving.worker_main import Server

NEW = 10 * ACCEPTED_AT_ONCE


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


def new_server(protocol: type[HttpToolsProtocol]) -> Server:
    """Without a lifespan."""
    config = uvicorn.Config(application, http=protocol, lifespan="off", log_config=None)
    config.load()
    server = Server(config, lambda: None, lambda: None)
    server.lifespan = config.lifespan_class(config)
    return server


def test_several_connections_are_accepted_in_each_turn_of_the_loop():
    """Beside many new connections, which keep the loop busy, a reader waits for few turns."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(count_turns()) <= NEW // ACCEPTED_AT_ONCE + 5


async def count_turns() -> int:
    """The number of turns of the loop until all connections in the queue are accepted."""
    server, turns = new_server(HttpToolsProtocol), 0
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=NEW))
        for _ in range(NEW):
            stack.enter_context(closing(socket.create_connection(listener.getsockname())))
        sockets = duplicate(listener)
        assert not os.get_blocking(listener.fileno()), "another worker would wait in accept"
        await server.startup(sockets)
        while len(server.server_state.connections) < NEW:
            await asyncio.sleep(0)
            turns += 1
        await server.shutdown(sockets)
    return turns


def test_a_late_connection_is_closed():
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(connect_late())


async def connect_late():
    # The connection itself begins the shutdown.
    server = LateConnection.server = new_server(LateConnection)
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
