"""Many requests at once on one connection: what waits is bounded, and each is taken for what it is."""

import asyncio
from typing import Any

import pytest

from content.caching.edge import EdgeCache
from content.caching.edge.connection import LARGEST_HEAD, MOST_WAITING
from content.caching.edge.turns import MOST_AT_ONCE
from tests.support.edge import Origin
from tests.support.wait import wait_until_async
from tests.support.wire import connect, exchange, request, server_config

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

    async with connect(app) as (reader, writer, protocol):
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
    async with connect(measuring) as (reader, _, protocol):
        protocol.data_received(GET * 200 + post + GET[:20])
        protocol.data_received(GET[20:])
        lengths = [await reader.readuntil(b"\r\n\r\n") for _ in range(202)]
    assert [b"length: 70000" in each for each in lengths] == [False] * 200 + [True, False]
    assert all(each.startswith(b"HTTP/1.1 200") for each in lengths)


async def test_a_head_without_end_is_refused_behind_others():
    async with connect(measuring) as (reader, _, protocol):
        protocol.data_received(GET * 2 + b"GET / HTTP/1.1\r\nA: " + b"b" * (LARGEST_HEAD + 1))
        assert b"HTTP/1.1 431" in await reader.read()


# --- turns: no connection holds up the others -----------------------------------------------------------------------

MINUTE = {"cache-control": "max-age=60"}
HIT = request("GET", "/", [(b"host", b"site")])


async def warm_edge() -> EdgeCache:
    edge = EdgeCache(Origin(headers=MINUTE, body=b"x" * 100))
    await exchange(server_config(edge), "GET", "/", [(b"host", b"site")])
    return edge


def count_responses(transport: Any) -> int:
    """The number of responses written so far."""
    return sum(part.count(b"HTTP/1.1 200") for part in transport.written)


class Written:
    """A transport that remembers what is written, and otherwise is the one given."""

    def __init__(self, transport: Any) -> None:
        self.transport, self.written = transport, []

    def write(self, data: bytes) -> None:
        self.written.append(data)
        self.transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)


async def test_hits_in_a_pipeline_are_answered_a_few_in_each_turn_of_the_loop():
    edge = await warm_edge()
    async with connect(edge) as (reader, _, protocol):
        protocol.transport = Written(protocol.transport)
        protocol.data_received(HIT * 200)
        counts = [count_responses(protocol.transport)]
        while counts[-1] < 200:
            await asyncio.sleep(0)
            counts.append(count_responses(protocol.transport))
            assert counts[-1] - counts[-2] <= MOST_AT_ONCE
        assert counts[0] == MOST_AT_ONCE
        for _ in range(200):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            await reader.readexactly(100)
        # It reads again.
        await asyncio.sleep(0)
        assert not protocol.flow.read_paused


async def test_while_others_wait_a_pipeline_gets_one_answer_and_joins_them():
    edge = await warm_edge()
    async with connect(edge) as (_, _, first), connect(edge) as (_, _, second):
        first.transport, second.transport = Written(first.transport), Written(second.transport)
        first.data_received(HIT * 50)
        second.data_received(HIT * 50)
        assert (count_responses(first.transport), count_responses(second.transport)) == (MOST_AT_ONCE, 1)
        transports = (first.transport, second.transport)
        await wait_until_async(lambda: sum(map(count_responses, transports)) == 100, "all responses are sent")


async def test_a_single_request_of_another_is_answered_at_once_meanwhile():
    edge = await warm_edge()
    async with connect(edge) as (_, _, first), connect(edge) as (_, _, second):
        second.transport = Written(second.transport)
        first.data_received(HIT * 200)
        second.data_received(HIT)
        assert count_responses(second.transport) == 1


async def test_requests_that_are_no_hits_are_parsed_a_few_in_each_turn():
    counts = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        counts.append(len(protocol.pipeline))
        await measuring(scope, receive, send)

    async with connect(app) as (reader, _, protocol):
        protocol.data_received(GET * 200)
        assert len(protocol.pipeline) == MOST_AT_ONCE - 1
        for _ in range(200):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    assert max(counts) <= MOST_WAITING + MOST_AT_ONCE


async def test_hits_and_other_requests_keep_their_order():
    """Posts between hits, each with a body of several empty lines."""
    edge = await warm_edge()
    body = b"\r\n\r\n" * 20
    post = request("POST", "/", [(b"host", b"site"), (b"content-length", str(len(body)).encode())]) + body
    async with connect(edge) as (reader, _, protocol):
        protocol.data_received((HIT * 11 + post) * 9)
        statuses = []
        for _ in range(9 * 12):
            head = await reader.readuntil(b"\r\n\r\n")
            statuses.append(b"; hit" in head)
            await reader.readexactly(100)
    # After the first write the page is gone, is asked for once, and is there again.
    assert statuses[:11] == [True] * 11
    assert [statuses[number] for number in range(11, 108, 12)] == [False] * 9


async def test_what_is_held_ends_with_its_connection():
    edge = await warm_edge()
    async with connect(edge) as (_, _, protocol):
        protocol.data_received(HIT * 200)
        protocol.transport.close()
        await wait_until_async(lambda: protocol._held == b"", "the rest is dropped")
