"""One connection of a client that reads HTTP/1.1 for itself: strictly, and as slowly as it likes."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass

# Seconds that a client waits before it counts as an error.
READ_TIMEOUT = 15.0
# Bytes that wait in this process, and in the kernel, for a slow reader.
BUFFER = 4096
BODILESS = (204, 304)


@dataclass(frozen=True)
class Response:
    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def is_stale(self) -> bool:
        """As its Cache-Status says."""
        return "ttl=-" in self.fields.get("cache-status", "")


class Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def write(self, data: bytes) -> None:
        self.writer.write(data)

    async def write_in_pieces(self, data: bytes, cuts: list[int]) -> None:
        for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
            self.write(data[begin:end])
            await self.writer.drain()
            await asyncio.sleep(0)

    async def read_response(self, *, is_head: bool = False) -> Response:
        """Read the next one. Raises IncompleteReadError, ValueError for other bytes, and TimeoutError."""
        async with asyncio.timeout(READ_TIMEOUT):
            head = await self.reader.readuntil(b"\r\n\r\n")
            status, fields = read_head(head)
            bodiless = is_head or status in BODILESS
            return Response(
                status, fields, b"" if bodiless else await self.reader.readexactly(int(fields["content-length"]))
            )

    async def rest(self) -> bytes:
        """Read until the server closes or resets the connection, as it may after a refusal."""
        read = b""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(READ_TIMEOUT):
                while some := await self.reader.read(65536):
                    read += some
        return read

    def reset(self) -> None:
        """Close without a FIN."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


def read_head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    version, status, _ = first.split(" ", 2)
    if version != "HTTP/1.1":
        raise ValueError(f"no response: {first!r}")
    fields = dict(line.split(": ", 1) for line in lines)
    if len(fields) < len(lines):
        raise ValueError(f"a field twice: {lines!r}")
    return int(status), fields


@contextlib.asynccontextmanager
async def connect(port: int, *, slow: bool = False) -> AsyncIterator[Connection]:
    raw = socket.socket()
    raw.setblocking(False)
    if slow:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    try:
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
    except OSError:
        raw.close()
        raise
    reader, writer = await asyncio.open_connection(sock=raw, limit=BUFFER if slow else 2**16)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
