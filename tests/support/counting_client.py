"""A client over sockets that counts what it receives by status and by what Cache-Status says, without our code."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from itertools import cycle
from typing import NamedTuple

Kind = tuple[str, str]
SAMPLE = re.compile(r'^evergreen_requests_total\{cache="([a-z]+)",status="([0-9a-z]+)"\} ([0-9.e+]+)$', re.MULTILINE)


class Asked(NamedTuple):
    method: str
    path: str
    fields: tuple[str, ...] = ()


class CountingClient:
    """One keep-alive connection at a time. `received` counts complete responses, `cut` requests without one."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.received: Counter[Kind] = Counter()
        self.cut = 0
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, asked: Asked) -> bytes | None:
        """The body of the response. None if it did not come whole."""
        try:
            if self.streams is None:
                self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            # Nothing was sent.
            return None
        try:
            return await self._exchange(*self.streams, asked)
        except (OSError, EOFError):
            self.cut += 1
            self.hang_up()
            return None

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: Asked) -> bytes:
        head = (f"{asked.method} {asked.path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", *asked.fields)
        writer.write("\r\n".join((*head, "", "")).encode())
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
        status = first.split(" ")[1]
        fields = [(name.lower(), value) for name, _, value in (line.partition(": ") for line in lines)]
        body = b""
        if asked.method != "HEAD" and status not in ("204", "304"):
            body = await _read_body(reader, dict(fields))
        self.received[status, cache_of([value for name, value in fields if name == "cache-status"])] += 1
        if dict(fields).get("connection") == "close":
            self.hang_up()
        return body

    def hang_up(self) -> None:
        if self.streams is not None:
            self.streams[1].close()
            self.streams = None


async def _read_body(reader: asyncio.StreamReader, fields: dict[str, str]) -> bytes:
    if "content-length" in fields:
        return await reader.readexactly(int(fields["content-length"]))
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return body


def cache_of(values: list[str]) -> str:
    """What the nearest cache did, by the last member of Cache-Status (RFC 9211)."""
    if not values:
        return "none"
    parameters = re.sub(r'"(\\.|[^"\\])*"', '""', values[-1]).split(",")[-1].split("; ")
    named = dict(each.partition("=")[::2] for each in parameters)
    if "collapsed" in named:
        return "joined"
    if "hit" in named and int(named["ttl"]) < 0:
        return "stale"
    if named.get("fwd") in ("bypass", "method"):
        return "pass"
    return "hit" if "hit" in named and "fwd" not in named else "miss"


@asynccontextmanager
async def run_clients(
    port: int, requests: Iterable[Iterable[Asked]], *, pause: float
) -> AsyncIterator[list[CountingClient]]:
    """Each client repeats its requests until the end of the block, where each finishes the one that it has begun.

    `pause`: seconds between two requests of a client, so that the servers can restart beside them.
    """
    clients, tasks = list[CountingClient](), list[asyncio.Task[None]]()
    stopping = asyncio.Event()

    async def run(client: CountingClient, wanted: Iterable[Asked]) -> None:
        for asked in cycle(wanted):
            if stopping.is_set():
                return
            await client.ask(asked)
            await asyncio.sleep(pause)

    for wanted in requests:
        clients.append(CountingClient(port))
        tasks.append(asyncio.create_task(run(clients[-1], wanted)))
    try:
        yield clients
    finally:
        stopping.set()
        await asyncio.gather(*tasks)
        for client in clients:
            client.hang_up()


def counts_in(page: str) -> Counter[Kind]:
    """The samples of evergreen_requests_total on a page of metrics, those at 0 left out."""
    return Counter({kind: amount for kind, amount in _samples(page) if amount})


def _samples(page: str) -> Iterator[tuple[Kind, int]]:
    return (((status, cache), round(float(amount))) for cache, status, amount in SAMPLE.findall(page))
