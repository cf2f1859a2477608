"""The log as a Redis stream: append to it, and read what follows a position."""

import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from .. import lua
from ..backends.connection import connection_to
from ..backends.server import Server
from ..entry import NOWHERE, Position
from .tag_index import Kind, Record

MAX_LOG_LENGTH = 10_000
RECORDS_A_POLL = 1000

encode = msgspec.msgpack.Encoder().encode
decode_tags = msgspec.msgpack.Decoder(tuple[str, ...]).decode


@dataclass(frozen=True)
class Snapshot:
    """Where to begin: the last positions of tags whose records were trimmed away."""

    position: Position
    floor: Position
    invalidated: dict[str, Position]
    expired: dict[str, Position]


@dataclass(frozen=True)
class PollResult:
    """To a poll: the epoch, and either the records behind the tail or a snapshot to begin anew from."""

    epoch: str
    records: tuple[Record, ...] = ()
    snapshot: Snapshot | None = None


class LogStream:
    """One log: a stream, its epoch's nonce and its snapshot, in one slot of a cluster."""

    def __init__(self, server: Server, prefix: str) -> None:
        self.server = server
        self.stream = f"{{{prefix}:log}}"
        self.keys = (self.stream, f"{self.stream}:nonce", f"{self.stream}:snapshot")
        self.client: Any = None

    def connect(self) -> Any:
        """A client for threads. After a fork, make a new LogStream."""
        if self.client is None:
            self.client = self.server.sync_client()
        return self.client

    def close(self) -> None:
        client, self.client = self.client, None
        if client is not None:
            client.close()

    def append(self, kind: Kind, tags: Sequence[str], nonce: str) -> Position:
        command = self.append_command(kind, tags, nonce)
        return parse_position(self.connect().execute_command(*command)[0])

    async def aappend(self, kind: Kind, tags: Sequence[str], nonce: str) -> Position:
        answer = await connection_to(self.server).execute(*self.append_command(kind, tags, nonce))
        return parse_position(answer[0])

    def append_command(self, kind: Kind, tags: Sequence[str], nonce: str) -> tuple[Any, ...]:
        arguments = (secrets.token_hex(8), kind.value, nonce, encode(list(tags)), MAX_LOG_LENGTH)
        return ("EVAL", lua.APPEND, len(self.keys), *self.keys, *arguments)

    def poll(self, epoch: str, tail: Position) -> PollResult:
        """The records behind `tail`, or a snapshot. Raises RedisError or OSError."""
        return _parse_poll(*self.connect().execute_command(*self.poll_command(epoch, tail)))

    async def apoll(self, epoch: str, tail: Position) -> PollResult:
        return _parse_poll(*await connection_to(self.server).execute(*self.poll_command(epoch, tail)))

    def poll_command(self, epoch: str, tail: Position) -> tuple[Any, ...]:
        arguments = (secrets.token_hex(8), epoch, format_position(tail), RECORDS_A_POLL)
        return ("EVAL", lua.POLL, len(self.keys), *self.keys, *arguments)

    def wait(self, tail: Position, seconds: float) -> None:
        """Until there is a record behind `tail`, or that long."""
        self.connect().xread({self.stream: format_position(tail)}, count=1, block=int(seconds * 1000))

    async def await_record(self, tail: Position, seconds: float) -> None:
        """The same. The connection's own timeout must not come first."""
        block = int(min(seconds, (self.server.timeout or math.inf) / 2) * 1000)
        await connection_to(self.server).client.xread({self.stream: format_position(tail)}, count=1, block=block)

    def drop_epoch(self) -> None:
        """Make every entry of every process invalid, because an append was refused."""
        self.connect().delete(self.keys[1])


def _parse_poll(epoch: bytes, what: bytes, rest: Sequence[Any]) -> PollResult:
    if what == b"join":
        return PollResult(epoch.decode(), snapshot=_parse_snapshot(rest))
    return PollResult(epoch.decode(), records=tuple(_parse_record(*each) for each in rest))


def parse_position(text: bytes) -> Position:
    milliseconds, _, sequence = text.partition(b"-")
    return int(milliseconds), int(sequence)


def format_position(position: Position) -> str:
    return f"{position[0]}-{position[1]}"


def _parse_record(record_id: bytes, pairs: Sequence[bytes]) -> Record:
    fields = dict(zip(pairs[::2], pairs[1::2], strict=True))
    return Record(
        position=parse_position(record_id),
        kind=Kind(fields[b"k"].decode()),
        tags=decode_tags(fields[b"t"]),
        nonce=fields[b"n"].decode(),
    )


def _parse_snapshot(flat: Sequence[bytes]) -> Snapshot:
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    position, floor = (parse_position(fields.pop(name, b"0-0")) for name in (b"position", b"floor"))
    fields.pop(b"next", None)
    last: dict[str, dict[str, Position]] = {kind.value: {} for kind in Kind}
    for name, record_id in fields.items():
        text = name.decode()
        last[text[0]][text[1:]] = parse_position(record_id)
    return Snapshot(position, max(floor, NOWHERE), last[Kind.INVALIDATE.value], last[Kind.EXPIRE.value])
