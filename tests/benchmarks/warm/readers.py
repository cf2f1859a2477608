"""Readers at a fixed rate. A request counts from the time at which it is due, so that a server which falls behind
cannot hide it (coordinated omission)."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from http.client import HTTPConnection

CONNECTIONS = 64
# The addresses that are read most: the hot ones of the report.
TOP = 1000
# Seconds after its time, after which a request is given up.
TIMEOUT = 30.0
MADE = b"x-made-at-once"


@dataclass(frozen=True, slots=True)
class Read:
    """One request. `due`: seconds after the beginning; `took`: seconds from then until the whole response."""

    path: str
    due: float
    took: float
    status: int
    is_hit: bool
    # The process had the page in its own memory.
    from_memory: bool = False
    # Pages that the process made at once; 0 for a hit.
    at_once: int = 0

    @property
    def is_lost(self) -> bool:
        return not self.status

    def later(self, seconds: float) -> "Read":
        return replace(self, due=self.due + seconds)


def find_hot(drawn: Sequence[str]) -> set[str]:
    return {path for path, _ in Counter(drawn).most_common(TOP)}


async def read_at_rate(port: int, drawn: Sequence[str], rate: float, host: str = "") -> list[Read]:
    """Request each path at its time, by the next free connection. `host`: as in the request, with its port."""
    reads, queue = list[Read](), asyncio.Queue[tuple[float, str]]()
    began = time.perf_counter()
    head = f" HTTP/1.1\r\nHost: {host or f'127.0.0.1:{port}'}\r\n\r\n"

    async def connect() -> None:
        pair = None
        while True:
            at, path = await queue.get()
            try:
                async with asyncio.timeout(at + TIMEOUT - time.perf_counter()):
                    pair = pair or await asyncio.open_connection("127.0.0.1", port)
                    pair[1].write(f"GET {path}{head}".encode())
                    response = await receive(pair[0])
                read = read_of(path, at - began, time.perf_counter() - at, response)
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                read = Read(path, at - began, TIMEOUT, 0, is_hit=False)
                if pair is not None:
                    pair[1].close()
                    pair = None
            reads.append(read)
            queue.task_done()

    tasks = [asyncio.ensure_future(connect()) for _ in range(CONNECTIONS)]
    for number, path in enumerate(drawn):
        at = began + number / rate
        await asyncio.sleep(max(0.0, at - time.perf_counter()))
        queue.put_nowait((at, path))
    await queue.join()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return reads


async def receive(reader: asyncio.StreamReader) -> bytes:
    """The head in small letters. The body is read and dropped."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"\r\ntransfer-encoding: chunked" in head:
        while size := int(await reader.readuntil(b"\r\n"), 16):
            await reader.readexactly(size + 2)
        await reader.readexactly(2)
    else:
        await reader.readexactly(int(value_of(b"content-length", head) or 0))
    return head


def read_of(path: str, due: float, took: float, head: bytes) -> Read:
    cache_status = value_of(b"cache-status", head)
    is_hit = b"; hit" in cache_status
    return Read(
        path,
        due,
        took,
        status=int(head[9:12]),
        is_hit=is_hit,
        from_memory=is_hit and b"; detail=" not in cache_status,
        at_once=0 if is_hit else int(value_of(MADE, head) or 0),
    )


def value_of(name: bytes, head: bytes) -> bytes:
    return head.partition(b"\r\n" + name + b": ")[2].partition(b"\r\n")[0]


def read_pages(port: int, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Each page once, one after the other, with its path."""
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    for path in paths:
        connection.request("GET", path)
        yield path, connection.getresponse().read()
    connection.close()
