"""Readers at a fixed rate. A request counts from the time at which it is due, so that a server which falls behind
cannot hide it (coordinated omission)."""

import asyncio
import gc
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection

CONNECTIONS = 64
# The addresses that are read most: the hot ones of the report.
TOP = 1000
# Seconds after its time, after which a request is given up.
TIMEOUT = 30.0
MADE, VERSION = b"x-made-at-once", b"x-version"


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
    # Why a request went to the application, as Cache-Status says (RFC 9211); empty for a hit.
    forwarded: str = ""
    # The version of the page, for a hit that was fresh, if the site numbers versions.
    fresh_version: str = ""

    @property
    def is_lost(self) -> bool:
        return not self.status

    @property
    def is_error(self) -> bool:
        """Whether the reader got no page, and no redirect to one."""
        return not 200 <= self.status < 400

    def later(self, seconds: float) -> "Read":
        return replace(self, due=self.due + seconds)


def find_hot(drawn: Sequence[str]) -> set[str]:
    return {path for path, _ in Counter(drawn).most_common(TOP)}


async def read_at_rate(
    port: int | Callable[[], int], drawn: Iterable[str], rate: float, host: str = ""
) -> list[Read]:
    """Request each path at its time, by the next free connection. `host`: as in the request, with its port.

    A function in place of the port is asked before each request, as a load balancer that switches would do. `drawn`
    may be a generator that ends the run.
    """
    reads, queue = list[Read](), asyncio.Queue[tuple[float, str]]()
    port_now = port if callable(port) else lambda: port
    began = time.perf_counter()

    async def connect() -> None:
        connection = Connection(host)
        try:
            while True:
                at, path = await queue.get()
                reads.append(await connection.read(port_now(), path, at, began))
                queue.task_done()
        finally:
            connection.close()

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


class Connection:
    """With keep-alive to the port of the last request. `host`: as in requests, that of the port if it is empty."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.port = 0
        self.pair: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def read(self, port: int, path: str, at: float, began: float) -> Read:
        """The request that is due at that time (perf_counter)."""
        try:
            async with asyncio.timeout(at + TIMEOUT - time.perf_counter()):
                head = await self.request(port, path)
            return read_of(path, at - began, time.perf_counter() - at, head)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            self.close()
            return Read(path, at - began, TIMEOUT, 0, is_hit=False)

    async def request(self, port: int, path: str) -> bytes:
        if self.pair is None or self.port != port:
            self.close()
            self.port, self.pair = port, await asyncio.open_connection("127.0.0.1", port)
        reader, writer = self.pair
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {self.host or f'127.0.0.1:{port}'}\r\n\r\n".encode())
        return await receive(reader)

    def close(self) -> None:
        if self.pair is not None:
            self.pair[1].close()
            self.pair = None


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
        forwarded="" if is_hit else cache_status.partition(b"; fwd=")[2].partition(b";")[0].decode(),
        fresh_version=value_of(VERSION, head).decode() if is_hit and is_fresh(cache_status) else "",
    )


def is_fresh(cache_status: bytes) -> bool:
    """Whether the response is a hit. One that went to the application first, or is stale, is not."""
    left = cache_status.partition(b"; ttl=")[2].partition(b";")[0]
    return left[:1].isdigit() and b"; fwd=" not in cache_status


def value_of(name: bytes, head: bytes) -> bytes:
    return head.partition(b"\r\n" + name + b": ")[2].partition(b"\r\n")[0]


def read_pages(port: int, paths: Sequence[str]) -> Iterator[tuple[Read, bytes]]:
    """Each page once, one after the other, with its body."""
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    began = time.perf_counter()
    for path in paths:
        asked = time.perf_counter()
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        fields = "".join(f"\r\n{name}: {value}" for name, value in response.getheaders()).lower()
        head = f"http/1.1 {response.status}{fields}\r\n\r\n".encode()
        yield read_of(path, asked - began, time.perf_counter() - asked, head), body
    connection.close()


@contextmanager
def without_collections() -> Iterator[None]:
    """A collection of hundreds of thousands of reads would stop all readers, and pass for a wait."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
