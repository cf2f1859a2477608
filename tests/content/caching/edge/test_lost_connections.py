"""Clients that hang up on EdgeProtocol: everybody hears of it, and nothing of the connection stays."""

import asyncio
from typing import Any

import pytest

from content.caching.edge.protocol import EdgeProtocol
from tests.support.wait import wait_until_async
from tests.support.wire import connect, request

pytestmark = pytest.mark.timeout(20)

GET = request("GET", "/", [(b"host", b"site")])


@pytest.fixture(autouse=True)
def way() -> str:
    """There is but one."""
    return "protocol"


class Listening:
    """An application that goes on until its client has gone. `begun` by then."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.begun.set()
        while (await receive())["type"] != "http.disconnect":
            pass


async def wait_for_end(protocol: EdgeProtocol) -> None:
    await wait_until_async(lambda: protocol.parser is None, "the connection ends")


async def test_who_is_answered_first_of_a_pipeline_hears_that_the_client_has_gone(caplog):
    app = Listening()
    async with connect(app) as (_, writer, protocol):
        writer.write(GET * 3)
        await app.begun.wait()
        writer.close()
        await wait_for_end(protocol)
        await asyncio.gather(*protocol.tasks)
    assert caplog.records == []


async def test_a_connection_that_was_reset_leaves_no_timer():
    async with connect(Listening()) as (_, writer, protocol):
        writer.transport.pause_reading()
        protocol.transport.write(b"unread")
        assert protocol.timeout_keep_alive_task is not None
        writer.transport.abort()
        await wait_for_end(protocol)
        assert protocol.timeout_keep_alive_task is None
