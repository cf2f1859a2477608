"""Readers over HTTP, with a record of each response."""

import asyncio
import random
from dataclasses import dataclass

import msgspec

from tests.support.race.history import Failure, Position, Read, now
from tests.support.race.racer import Row

KINDS = ("row", "plain")
READERS = 12
# Seconds that a reader waits before it counts as an error.
READ_TIMEOUT = 20.0

decode = msgspec.json.Decoder(Row).decode


@dataclass(frozen=True)
class PageResponse:
    """`process` and `tail`: the process that answered, and how far it had read the log when the request came."""

    status: int
    about: str
    process: int
    tail: Position
    body: bytes

    @property
    def is_stale(self) -> bool:
        return "ttl=-" in self.about


async def get(port: int, path: str) -> PageResponse:
    """Use a new connection. Raises OSError and TimeoutError, and ValueError without a response."""
    async with asyncio.timeout(READ_TIMEOUT):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: site\r\nConnection: close\r\n\r\n".encode())
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            writer.close()
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines)
    process, *tail = map(int, fields.get("witness", "0 0 0").split(" "))
    return PageResponse(int(first.split(" ")[1]), fields.get("cache-status", ""), process, (tail[0], tail[1]), body)


class Readers:
    """They read random pages of both kinds for so many seconds."""

    def __init__(self, port: int, rows: int, seconds: float) -> None:
        self.port = port
        self.rows = rows
        self.seconds = seconds
        self.end = 0.0
        self.chance = random.Random(7)
        self.history: list[Read | Failure] = []

    async def run(self) -> None:
        self.end = now() + self.seconds
        await asyncio.gather(*(self.read_on() for _ in range(READERS)))

    async def read_on(self) -> None:
        while now() < self.end:
            kind, row, began = self.chance.choice(KINDS), self.chance.randrange(self.rows), now()
            try:
                self.history.append(to_operation(began, kind, await get(self.port, f"/{kind}/{row}")))
            except (OSError, TimeoutError, ValueError) as error:
                self.history.append(Failure(0, began, now(), f"read {kind} page", f"{type(error).__name__}: {error}"))


def to_operation(began: float, kind: str, response: PageResponse) -> Read | Failure:
    if response.status != 200:
        return Failure(response.process, began, now(), f"read {kind} page", f"{response.status} {response.about}")
    row = decode(response.body)
    return Read(
        response.process,
        began,
        now(),
        row.row,
        row.value,
        row.made_at,
        response.is_stale,
        response.tail,
        by=f"{kind} page",
    )
