"""Floods of make-up requests, each from a process of its own: python -m tests.support.floods KIND PORT SECONDS."""

import asyncio
import contextlib
import itertools
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterator

BODY = b"username=nobody&password=wrong"


def get(port: int, target: str, *fields: str, host: str = "127.0.0.1") -> bytes:
    lines = [f"GET {target} HTTP/1.1", f"Host: {host}:{port}", *fields]
    return "\r\n".join([*lines, "", ""]).encode()


def post(port: int, target: str, body: bytes) -> bytes:
    fields = ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
    return get(port, target, *fields).replace(b"GET", b"POST", 1) + body


# Makes a request from a port and a number that no other request has.
MakeRequest = Callable[[int, int], bytes]

REQUESTS: dict[str, MakeRequest] = {
    "addresses": lambda port, n: get(port, f"/posts/no-such-{n}/" if n % 2 else f"/tags/no-{n}/"),
    "paths": lambda port, n: get(port, f"/a/{n}/b" if n % 2 else f"/no-{n}"),
    "parameters": lambda port, n: get(port, f"/?x{n}={n}"),
    "ports of Host": lambda port, n: get(n % 65535 + 1, "/"),
    "header fields": lambda port, n: get(port, "/", f"User-Agent: {n}", f"Accept-Language: {n}", f"X-{n}: {n}"),
    "cookies": lambda port, n: get(port, "/", f"Cookie: sessionid=make-up-{n}"),
    "Authorization": lambda port, n: get(port, "/", f"Authorization: Basic {n}"),
    "logins": lambda port, n: post(port, "/admin/login/", BODY),
    "health": lambda port, n: get(port, "/readyz"),
    "metrics": lambda port, n: get(port, "/metrics"),
    "search": lambda port, n: get(port, f"/search/?q=word{n}"),
}
CONNECTIONS = 16
# Connections with so many requests at once; that read nothing; that say nothing.
PIPELINES, IN_PIPELINE, SLOW, IDLE = 1000, 200, 300, 10_000


class Flood:
    def __init__(self, port: int, seconds: float) -> None:
        self.port = port
        self.ends = time.monotonic() + seconds
        self.numbers: Iterator[int] = itertools.count(1)
        self.answers = 0

    async def run(self, kind: str) -> None:
        match kind:
            case "pipelines":
                await self.many(PIPELINES, self.pipeline)
            case "slow readers":
                await self.many(SLOW, self.slow)
            case "idle":
                await self.many(IDLE, self.idle)
            case _:
                make = REQUESTS[kind]
                await self.many(CONNECTIONS, lambda: self.ask(make))

    async def many(self, count: int, one: Callable[[], Awaitable[None]]) -> None:
        async def repeat() -> None:
            while time.monotonic() < self.ends:
                with contextlib.suppress(OSError, EOFError, TimeoutError):
                    async with asyncio.timeout(max(0.01, self.ends - time.monotonic())):
                        await one()

        await asyncio.gather(*(repeat() for _ in range(count)))

    async def ask(self, make: MakeRequest) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            while True:
                writer.write(make(self.port, next(self.numbers)))
                await read_answer(reader)
                self.answers += 1
        finally:
            writer.close()

    async def pipeline(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        try:
            while True:
                writer.write(get(self.port, "/robots.txt") * IN_PIPELINE)
                for _ in range(IN_PIPELINE):
                    await read_answer(reader)
                    self.answers += 1
        finally:
            writer.close()

    async def slow(self) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1024)
        try:
            writer.write(get(self.port, "/") * 100)
            await asyncio.sleep(self.ends - time.monotonic())
        finally:
            writer.transport.abort()

    async def idle(self) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            await asyncio.sleep(self.ends - time.monotonic())
        finally:
            writer.close()


async def read_answer(reader: asyncio.StreamReader) -> bytes:
    """Its head, in lower case."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length or 0))
    return head


def main() -> None:
    kind, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    flood = Flood(port, seconds)
    asyncio.run(flood.run(kind))
    print(json.dumps({"answers": flood.answers}))


if __name__ == "__main__":
    main()
