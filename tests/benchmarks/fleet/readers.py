"""Readers of a fleet over TLS, at a fixed rate. They see which release made the page."""

import asyncio
import re
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle

from tests.support.fleet import RunningFleet

CONNECTIONS = 32
# Seconds after its time, after which a request is given up.
TIMEOUT = 15.0
# In the pages of the next release alone (tests/support/releases.py).
MARK = b"the new release"
# The mark of an edit in the page of its post (editor.py).
EDIT = re.compile(rb"edit-(\d+)-here")


@dataclass(frozen=True, slots=True)
class Reading:
    """`due`: Unix time of the request. `took`: seconds from then until the whole page. `edit`: the newest in it."""

    path: str
    due: float
    took: float
    status: int
    is_new: bool = False
    why: str = ""
    edit: int = 0

    @property
    def is_error(self) -> bool:
        return not 200 <= self.status < 400


class Page:
    """One connection, kept alive. A request that a server has not begun to answer on an old one is sent again."""

    def __init__(self, port: int, host: str, context: ssl.SSLContext | None) -> None:
        self.port = port
        self.host = host
        self.context = context
        self.pair: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str) -> tuple[int, bytes]:
        """Status and body. Raises OSError or IncompleteReadError."""
        if self.pair is not None:
            try:
                return await self.send(self.pair, path)
            except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError) as error:
                self.close()
                if getattr(error, "partial", b""):
                    raise
        # nginx refuses a handshake without the name of the site.
        name = self.host.partition(":")[0] if self.context else None
        self.pair = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.context, server_hostname=name, limit=2**20
        )
        return await self.send(self.pair, path)

    async def send(self, pair: tuple[asyncio.StreamReader, asyncio.StreamWriter], path: str) -> tuple[int, bytes]:
        reader, writer = pair
        fields = f"Host: {self.host}\r\nX-Forwarded-Proto: https"
        writer.write(f"GET {path} HTTP/1.1\r\n{fields}\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        body = await read_body(reader, head)
        if b"\r\nconnection: close" in head:
            self.close()
        return int(head[9:12]), body

    def close(self) -> None:
        """At once: the other side may take half a minute to end TLS, if it lives at all."""
        if self.pair is not None:
            self.pair[1].transport.abort()
            self.pair = None


async def read_body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    if b"\r\ntransfer-encoding: chunked" not in head:
        length = head.partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]
        return await reader.readexactly(int(length or 0))
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return body


def connect(fleet: RunningFleet) -> Page:
    return Page(fleet.port, fleet.url.partition("://")[2], fleet.context)


class Crowd:
    """Reads the drawn paths over and over, until it ends."""

    def __init__(self, fleet: RunningFleet, drawn: list[str], rate: float) -> None:
        self.fleet = fleet
        self.drawn = drawn
        self.rate = rate
        self.readings: list[Reading] = []
        self.is_over = False

    def run(self) -> None:
        asyncio.run(self.read())

    async def read(self) -> None:
        queue: asyncio.Queue[tuple[float, str]] = asyncio.Queue()
        tasks = [asyncio.create_task(self.serve(queue)) for _ in range(CONNECTIONS)]
        began = time.time()
        for number, path in enumerate(cycle(self.drawn)):
            if self.is_over:
                break
            at = began + number / self.rate
            await asyncio.sleep(max(0.0, at - time.time()))
            queue.put_nowait((at, path))
        await queue.join()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def serve(self, queue: "asyncio.Queue[tuple[float, str]]") -> None:
        page = connect(self.fleet)
        try:
            while True:
                at, path = await queue.get()
                self.readings.append(await read_one(page, path, at))
                queue.task_done()
        finally:
            page.close()


async def read_one(page: Page, path: str, at: float) -> Reading:
    try:
        async with asyncio.timeout(TIMEOUT):
            status, body = await page.get(path)
    except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
        page.close()
        return Reading(path, at, time.time() - at, 0, why=type(error).__name__)
    return Reading(path, at, time.time() - at, status, MARK in body, edit=newest_edit(body))


def newest_edit(body: bytes) -> int:
    """0: none."""
    return max(map(int, EDIT.findall(body)), default=0)


@contextmanager
def in_thread(work: Callable[[], None], end: Callable[[], None]) -> Iterator[None]:
    import threading

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        end()
        thread.join()
