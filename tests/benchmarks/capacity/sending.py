"""Requests at a fixed rate over connections that are kept alive. They keep the status of each response."""

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice

from tests.benchmarks.fleet.readers import Page, read_body

CONNECTIONS = 16
SUCCESS = {200, 301, 302, 304}


class Visitor(Page):
    """Asks only for pages that have changed. `etags`: of those that all visitors have seen."""

    def __init__(self, port: int, host: str, context: ssl.SSLContext | None, etags: dict[str, bytes]) -> None:
        super().__init__(port, host, context)
        self.etags = etags

    async def send(self, pair: tuple[asyncio.StreamReader, asyncio.StreamWriter], path: str) -> tuple[int, bytes]:
        reader, writer = pair
        known = self.etags.get(path, b"")
        condition = b"If-None-Match: %b\r\n" % known if known else b""
        fields = f"GET {path} HTTP/1.1\r\nHost: {self.host}\r\nX-Forwarded-Proto: https\r\n".encode()
        writer.write(fields + condition + b"\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        if etag := head.partition(b"\r\netag: ")[2].partition(b"\r\n")[0]:
            self.etags[path] = etag
        return status, b"" if status == 304 else await read_body(reader, head.lower())


@dataclass
class Sender:
    """Sends to `pages` in turn. `statuses`: of the responses; 0 for a connection that broke."""

    pages: Sequence[Page]
    statuses: Counter[int] = field(default_factory=Counter)

    def send(self, paths: Iterable[str], rate: float, seconds: float) -> None:
        asyncio.run(self.send_all(islice(cycle(paths), int(rate * seconds)), rate))

    def require_success(self, name: str) -> None:
        if set(self.statuses) - SUCCESS:
            raise AssertionError(f"{name}: the responses were {dict(self.statuses)}")

    async def send_all(self, paths: Iterable[str], rate: float) -> None:
        queue: asyncio.Queue[str] = asyncio.Queue()
        tasks = [asyncio.create_task(self.serve(page, queue)) for page in self.pages]
        began = time.monotonic()
        for number, path in enumerate(paths):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            queue.put_nowait(path)
        await queue.join()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for page in self.pages:
            page.close()

    async def serve(self, page: Page, queue: "asyncio.Queue[str]") -> None:
        while True:
            path = await queue.get()
            try:
                status, _ = await page.get(path)
            except (OSError, asyncio.IncompleteReadError):
                page.close()
                status = 0
            self.statuses[status] += 1
            queue.task_done()
