"""Many requests at once on one connection: what waits is bounded, and each is taken for what it is."""

import asyncio
from typing import Any

import pytest

from content.caching.edge.connection import LARGEST_HEAD, MOST_WAITING
from tests.support.wire import connected, request

COUNT, READ_AT_ONCE = 4000, 256 * 1024
GET = request("GET", "/", [(b"host", b"site"), (b"padding", b"x" * 300)])


@pytest.fixture(autouse=True)
def way() -> str:
    """There is but one."""
    return "protocol"


async def test_a_pipeline_is_read_as_far_as_it_is_answered():
    most = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal most
        await receive()
        await asyncio.sleep(0)
        most = max(most, len(protocol.pipeline))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async with connected(app) as (reader, writer, protocol):
        writer.write(GET * COUNT)
        for _ in range(COUNT):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    assert MOST_WAITING < most <= MOST_WAITING + READ_AT_ONCE // len(GET) + 1


async def measuring(scope: Any, receive: Any, send: Any) -> None:
    length = 0
    while (message := await receive())["more_body"]:
        length += len(message["body"])
    length += len(message["body"])
    headers = [(b"content-length", b"0"), (b"length", str(length).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def test_what_comes_before_a_head_is_not_of_it():
    """All in one piece, of more bytes than a head may have."""
    post = request("POST", "/", [(b"host", b"site"), (b"content-length", b"70000")]) + b"x" * 70_000
    async with connected(measuring) as (reader, _, protocol):
        protocol.data_received(GET * 200 + post + GET[:20])
        protocol.data_received(GET[20:])
        lengths = [await reader.readuntil(b"\r\n\r\n") for _ in range(202)]
    assert [b"length: 70000" in each for each in lengths] == [False] * 200 + [True, False]
    assert all(each.startswith(b"HTTP/1.1 200") for each in lengths)


async def test_a_head_without_end_is_refused_behind_others():
    async with connected(measuring) as (reader, _, protocol):
        protocol.data_received(GET * 2 + b"GET / HTTP/1.1\r\nA: " + b"b" * (LARGEST_HEAD + 1))
        assert b"HTTP/1.1 431" in await reader.read()
