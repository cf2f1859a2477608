"""Whether the Redis that `manage.py up` starts answers: it may die, or hang, with the question."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from project.supervisor.supervisor import answers


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "redis.sock"))
        listening.listen()
        yield listening


async def ask(listener: socket.socket, reply: bytes) -> bool:
    """Whether it answers, if it is sent that reply and is closed with the question unread."""
    asking = asyncio.ensure_future(answers(listener.getsockname()))
    connection, _ = await asyncio.to_thread(listener.accept)
    with connection:
        connection.sendall(reply)
        if reply:
            await asking
    return await asking


async def test_pong_is_an_answer(listener):
    assert await ask(listener, b"+PONG\r\n") is True
    assert await ask(listener, b"-LOADING Redis is loading the dataset in memory\r\n") is False


async def test_a_connection_that_is_reset_is_no_answer(listener):
    assert await ask(listener, b"") is False


async def test_a_server_that_hangs_or_does_not_listen_is_no_answer(listener, tmp_path):
    assert await answers(listener.getsockname()) is False
    assert await answers(str(tmp_path / "nothing")) is False
