"""Viewers that do not read: a slot of one, a deadline, and no memory past that. On real connections."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from websockets.asyncio.client import connect

from content.ops.live import viewer as viewers
from content.ops.live.dashboards import LONGEST_INTERVAL, SHARE, Dashboards
from content.ops.live.frame import Frame
from content.ops.live.protocol import EXTENSION, MOST_UNSENT, LiveProtocol
from content.ops.live.viewer import TaskLine, Viewer
from content.ops.live.visitor import Visitor
from content.ops.snapshot import Snapshot
from tests.support.wait import wait_until_async

ANN = Visitor("session", 1, "Ann", "login", True)
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)


class Site:
    """An application with one viewer for each WebSocket."""

    def __init__(self) -> None:
        self.viewers: list[Viewer] = []
        self.ended = 0

    async def __call__(self, scope, receive, send) -> None:
        await receive()
        viewer = Viewer(scope, send, ANN)
        await send({"type": "websocket.accept"})
        self.viewers.append(viewer)
        while await viewer.read(receive) is not None:
            pass
        self.ended += 1


@asynccontextmanager
async def served(**options) -> AsyncIterator[tuple[Site, int]]:
    site = Site()
    config = uvicorn.Config(site, lifespan="off", log_config=None, ws=LiveProtocol, **options)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = asyncio.create_task(server.serve([listener]))
        await wait_until_async(lambda: server.started, "the server has started")
        try:
            yield site, listener.getsockname()[1]
        finally:
            server.should_exit = True
            await task


@asynccontextmanager
async def frozen_client(port: int) -> AsyncIterator[socket.socket]:
    """It never reads, not even the handshake."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", port))
        await asyncio.get_running_loop().sock_sendall(client, HANDSHAKE)
        yield client


async def test_one_frame_reaches_clients_with_and_without_compression():
    async with served() as (site, port):
        url = f"ws://127.0.0.1:{port}/"
        async with connect(url) as one, connect(url, compression=None) as other:
            await wait_until_async(lambda: len(site.viewers) == 2, "both are connected")
            frame = Frame(b'{"kind":"state"}' * 100)
            for viewer in site.viewers:
                viewer.offer(frame)
            assert {await one.recv(), await other.recv()} == {frame.text.decode()}
            assert [viewer.line.is_deflated for viewer in site.viewers].count(True) == 1


async def test_a_frozen_client_has_one_slot_and_is_disconnected_at_its_deadline(monkeypatch):
    now = 0.0
    async with served() as (site, port), frozen_client(port):
        await wait_until_async(lambda: site.viewers, "it is connected")
        (viewer,) = site.viewers
        viewer.clock = lambda: now
        large = Frame(b"x" * 1_000_000)
        while viewer.line.is_clear:
            viewer.offer(large)
            await asyncio.sleep(0)
        unsent = viewer.line.transport.get_write_buffer_size()
        for number in range(100):
            viewer.offer(Frame(b"%d" % number))
        assert viewer.line.transport.get_write_buffer_size() == unsent
        assert viewer.slot.text == b"99"
        now = viewers.DEADLINE
        viewer.offer()
        assert not viewer.line.transport.is_closing()
        now = viewers.DEADLINE + 0.1
        viewer.offer()
        # At once: a ping without an answer would disconnect it much later.
        assert viewer.line.transport.is_closing()
        await wait_until_async(lambda: site.ended, "it is disconnected")


async def test_a_slow_client_gets_the_latest_state_when_it_has_read():
    async with served() as (site, port), frozen_client(port) as client:
        await wait_until_async(lambda: site.viewers, "it is connected")
        (viewer,) = site.viewers
        while viewer.line.is_clear:
            viewer.offer(Frame(b"x" * 1_000_000))
            await asyncio.sleep(0)
        for text in (b"first", b"second", b"latest"):
            viewer.offer(Frame(text))
        loop, received = asyncio.get_running_loop(), b""
        while b"latest" not in received:
            received = received[-100:] + await loop.sock_recv(client, 1_000_000)
            viewer.offer()
        assert viewer.behind_since is None
        assert b"first" not in received


async def test_a_frozen_client_that_answers_no_ping_is_disconnected():
    async with served(ws_ping_interval=0.05, ws_ping_timeout=0.05) as (site, port), frozen_client(port):
        await wait_until_async(lambda: site.viewers, "it is connected")
        while site.viewers[0].line.is_clear:
            site.viewers[0].offer(Frame(b"x" * 1_000_000))
            await asyncio.sleep(0)
        await wait_until_async(lambda: site.ended, "it is disconnected")


async def test_a_client_that_floods_with_pings_and_reads_nothing_is_disconnected():
    async with served() as (site, port), frozen_client(port) as client:
        await wait_until_async(lambda: site.viewers, "it is connected")
        pings = (b"\x89\xfd\0\0\0\0" + b"x" * 125) * 1000
        with pytest.raises(OSError):  # noqa: PT012 - the server may reset at any of them
            for _ in range(MOST_UNSENT):
                await asyncio.get_running_loop().sock_sendall(client, pings)
        await wait_until_async(lambda: site.ended, "it is disconnected")


async def test_a_frozen_client_does_not_keep_the_server_from_ending():
    """uvicorn's own protocol waits for it for ever."""
    async with served() as (site, port), frozen_client(port):
        await wait_until_async(lambda: site.viewers, "it is connected")
        while site.viewers[0].line.is_clear:
            site.viewers[0].offer(Frame(b"x" * 1_000_000))
            await asyncio.sleep(0)
    assert site.ended


async def test_another_server_sends_by_a_task_and_keeps_the_latest():
    sent, gate = [], asyncio.Event()

    async def send(message) -> None:
        await gate.wait()
        sent.append(message["text"])

    viewer = Viewer({"query_string": b""}, send, ANN)
    assert isinstance(viewer.line, TaskLine)
    for number in range(5):
        viewer.offer(Frame(b"%d" % number))
    gate.set()
    await viewer.line.task
    viewer.offer()
    await viewer.line.task
    assert sent == ["0", "4"]
    assert EXTENSION == "evergreen.line"


async def test_states_come_less_often_when_sending_them_costs_too_much(monkeypatch):
    dashboards = Dashboards()
    for seconds, interval in ((0.0, 1.0), (2 * SHARE, 2.0), (1.0, LONGEST_INTERVAL), (0.001, 1.0)):

        async def send(frame: Frame, seconds: float = seconds) -> float:
            return seconds

        monkeypatch.setattr(dashboards, "send", send)
        await dashboards.show(Snapshot(1.0, "e"))
        assert dashboards.interval == pytest.approx(interval)
