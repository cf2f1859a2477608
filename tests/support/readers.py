"""Readers with keep-alive connections, which send the next request at once and record each error."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.wait import wait_until_async


class Reader:
    def __init__(self, port: int, path: str) -> None:
        self.port = port
        self.request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
        self.answers = 0
        self.announced = 0
        self.failures: list[str] = []
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def read_for_ever(self) -> None:
        while not self.failures:
            try:
                await self.read()
            except (OSError, EOFError, AssertionError) as error:
                self.failures.append(f"{type(error).__name__}: {error}")

    async def read(self) -> None:
        if self.streams is None:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        head = await self.head(*self.streams)
        assert head.startswith("http/1.1 200 "), head
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        await self.streams[0].readexactly(length)
        self.answers += 1
        if "connection: close" in head:
            self.announced += 1
            self.hang_up()

    async def head(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        writer.write(self.request)
        return (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()

    def hang_up(self) -> None:
        if self.streams is not None:
            self.streams[1].close()
            self.streams = None


class Readers(list[Reader]):
    @property
    def answers(self) -> int:
        return sum(reader.answers for reader in self)

    @property
    def failures(self) -> list[str]:
        return [failure for reader in self for failure in reader.failures]

    async def wait_for_answers(self, more: int) -> None:
        """Wait until that many more responses have come, or one reader has failed."""
        enough = self.answers + more
        await wait_until_async(lambda: self.answers >= enough or self.failures, f"{more} more responses")


@asynccontextmanager
async def run_readers(port: int, path: str, *, readers: int) -> AsyncIterator[Readers]:
    """Each reader reads until the end of the block. Fails if one of them had an error."""
    crowd = Readers(Reader(port, path) for _ in range(readers))
    tasks = [asyncio.create_task(reader.read_for_ever()) for reader in crowd]
    try:
        yield crowd
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for reader in crowd:
            reader.hang_up()
    assert crowd.failures == []
