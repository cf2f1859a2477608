"""The ping of the Redis that `manage.py up` starts. Redis may die or hang during it."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from project.own_redis import answers_ping


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "redis.sock"))
        listening.listen()
        yield listening


async def ping(listener: socket.socket, reply: bytes) -> bool:
    """Accept the ping, send this reply, and close the connection without reading the ping."""
    pinging = asyncio.ensure_future(answers_ping(listener.getsockname()))
    connection, _ = await asyncio.to_thread(listener.accept)
    with connection:
        connection.sendall(reply)
        if reply:
            await pinging
    return await pinging


async def test_pong_is_an_answer(listener):
    assert await ping(listener, b"+PONG\r\n") is True
    assert await ping(listener, b"-LOADING Redis is loading the dataset in memory\r\n") is False


async def test_a_connection_that_is_reset_is_no_answer(listener):
    assert await ping(listener, b"") is False


async def test_a_server_that_hangs_or_does_not_listen_is_no_answer(listener, tmp_path):
    assert await answers_ping(listener.getsockname()) is False
    assert await answers_ping(str(tmp_path / "nothing")) is False
