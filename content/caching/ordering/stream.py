"""The log as a Redis stream: append to it, and read what follows a position."""

import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from redis.exceptions import NoScriptError

from .. import lua
from ..backends.connection import connection_to
from ..backends.server import Server
from ..entry import MAX_LIFETIME, NOWHERE, Position, Stamp
from ..errors import Unreadable
from ..metrics.events import emit
from ..serializer import decode
from ..tracing import current_traceparent, is_traceparent
from .folded_tags import PARTS
from .tag_index import Kind, Record, TagIndex

# Records of the stream, and their tags. Older ones are in the base, which a process reads faster when it joins.
MAX_LOG_LENGTH = 2_000
MAX_LOG_TAGS = 10_000
# A poll returns fewer if they are large (lua/poll.lua).
RECORDS_A_POLL = 200
# Tags of a record. More are appended as several records.
TAGS_A_RECORD = 100
# Bounds of a record of any release, tags and bytes. lua/append.lua has the same.
MAX_TAGS_READ = 1000
LARGEST_RECORD = 262_144
# Tags in the base: 32 MB of Redis.
MAX_ITEMS = 2_000_000
PARTS_A_READ = 32
# Seconds between the clocks of Redis and of any process, at most, and for a load.
LIFETIME_MARGIN = 24 * 3600.0

_encode = msgspec.msgpack.Encoder().encode
_decode_tags = msgspec.msgpack.Decoder(tuple[str, ...]).decode


@dataclass(frozen=True)
class Appended:
    """The place of a record in the log. Positions of two epochs cannot be compared."""

    epoch: str
    position: Position

    @classmethod
    def of(cls, record_id: bytes, epoch: bytes) -> "Appended":
        return cls(epoch.decode(), parse_position(record_id))

    @property
    def stamp(self) -> Stamp:
        """The stamp of an entry that reflects all records up to this one."""
        return Stamp(self.epoch, self.position)


@dataclass(frozen=True)
class OwnRecord:
    """A record that this process has appended. `joins`: how often it had joined the log by then."""

    nonce: str
    appended: Appended
    joins: int

    def is_known_to(self, tag_index: TagIndex) -> bool:
        """Whether the index covers it. An epoch that was joined later makes all earlier entries invalid anyway."""
        if tag_index.epoch == self.appended.epoch:
            return tag_index.tail >= self.appended.position
        return tag_index.joins > self.joins


@dataclass(frozen=True)
class PollResult:
    """The epoch and the records behind the tail. `has_more`: whether others follow them.

    `read_at`: Unix seconds by Redis's clock, which is in the positions too. `base`: where the records begin, if the
    process has to join anew.
    """

    epoch: str
    records: tuple[Record, ...]
    has_more: bool
    read_at: float
    base: Position | None = None


@dataclass(frozen=True)
class BaseState:
    """Up to where the base stands for the log, and the position below which it does not know all tags."""

    epoch: str
    position: Position
    floor: Position


class LogStream:
    """One log: a stream, its epoch's nonce and its snapshot, in one slot of a cluster."""

    def __init__(self, server: Server, prefix: str) -> None:
        self.server = server
        self.stream = f"{{{prefix}:log}}"
        self.keys = (self.stream, f"{self.stream}:nonce", f"{self.stream}:base")
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

    def append(self, kind: Kind, tags: Sequence[str], nonce: str) -> "Appended":
        """Append a record, and return its position. Raises RedisError or OSError."""
        return Appended.of(*self._run(self.append_command(kind, tags, nonce)))

    async def aappend(self, kind: Kind, tags: Sequence[str], nonce: str) -> "Appended":
        return Appended.of(*await self._arun(self.append_command(kind, tags, nonce)))

    def append_command(self, kind: Kind, tags: Sequence[str], nonce: str) -> tuple[Any, ...]:
        bounds = (MAX_LOG_LENGTH, MAX_LOG_TAGS, MAX_ITEMS, int((MAX_LIFETIME + LIFETIME_MARGIN) * 1000))
        # The CDN follower continues a recorded trace of the writer.
        traces = [traceparent] if (traceparent := current_traceparent()) else []
        return self._command(lua.APPEND, kind.value, nonce, _encode(list(tags)), len(tags), *bounds, *traces)

    def _command(self, script: str, *arguments: Any) -> tuple[Any, ...]:
        """Add a nonce for the case that the log is lost, and the prefix of the parts' keys: all in one slot."""
        shared = (secrets.token_hex(8), f"{self.stream}:base:")
        return ("EVALSHA", lua.DIGESTS[script], len(self.keys), *self.keys, *shared, *arguments)

    def _run(self, command: tuple[Any, ...]) -> Any:
        """Run a script. Redis has not run what it does not know: the second call is the first one with effects."""
        try:
            return self.connect().execute_command(*command)
        except NoScriptError:
            return self.connect().execute_command(*lua.with_text(command))

    async def _arun(self, command: tuple[Any, ...]) -> Any:
        connection = connection_to(self.server)
        try:
            return await connection.execute(*command)
        except NoScriptError:
            return await connection.execute(*lua.with_text(command))

    def last_position(self) -> Position:
        """The position of the newest record. Raises RedisError or OSError."""
        found = self.connect().xrevrange(self.stream, count=1)
        return parse_position(found[0][0]) if found else NOWHERE

    async def newest_records(self, count: int) -> list[Record]:
        """The last records, the newest first. Raises RedisError or OSError."""
        found = await connection_to(self.server).execute("XREVRANGE", self.stream, "+", "-", "COUNT", count)
        return [_parse_record(*each) for each in found]

    def poll(self, epoch: str, tail: Position) -> PollResult:
        """The records behind `tail`, or behind the base. Raises RedisError or OSError."""
        return _parse_poll(*self._run(self.poll_command(epoch, tail)))

    async def apoll(self, epoch: str, tail: Position) -> PollResult:
        return _parse_poll(*await self._arun(self.poll_command(epoch, tail)))

    def poll_command(self, epoch: str, tail: Position) -> tuple[Any, ...]:
        return self._command(lua.POLL, epoch, format_position(tail), RECORDS_A_POLL)

    def read_parts(self, first: int, last: int) -> list[bytes]:
        """Some parts of the base, without a script, which would copy them. Raises RedisError or OSError."""
        keys = (f"{self.stream}:base:{part}" for part in range(first, min(last, PARTS)))
        return [part or b"" for part in self.connect().execute_command("MGET", *keys)]

    def check_base(self, first: int, last: int) -> BaseState:
        """Delete what is not ours among these parts. Raises RedisError or OSError."""
        epoch, position, floor = self._run(self._command(lua.CHECK_BASE, first, last))
        return BaseState(epoch.decode(), parse_position(position), parse_position(floor))

    def wait(self, tail: Position, seconds: float) -> None:
        """Wait until there is a record behind `tail`, or that long."""
        self.connect().xread({self.stream: format_position(tail)}, count=1, block=int(seconds * 1000))

    async def await_record(self, tail: Position, seconds: float) -> None:
        """The same. The connection's own timeout must not come first."""
        block = int(min(seconds, (self.server.timeout or math.inf) / 2) * 1000)
        await connection_to(self.server).client.xread({self.stream: format_position(tail)}, count=1, block=block)

    def drop_epoch(self) -> None:
        """Make every entry of every process invalid, because an append was refused."""
        self.connect().delete(self.keys[1])


def _parse_poll(
    epoch: bytes, more: int, records: Sequence[Any], seconds: bytes, microseconds: bytes, base: bytes | None = None
) -> PollResult:
    read, read_at = tuple(_parse_record(*each) for each in records), int(seconds) + int(microseconds) / 1e6
    return PollResult(epoch.decode(), read, bool(more), read_at, parse_position(base) if base is not None else None)


def parse_position(text: bytes) -> Position:
    milliseconds, _, sequence = text.partition(b"-")
    return int(milliseconds), int(sequence)


def format_position(position: Position) -> str:
    return f"{position[0]}-{position[1]}"


def _parse_record(record_id: bytes, pairs: Sequence[bytes]) -> Record:
    """Any record, of another program or a newer release too (rule 17). An unknown kind invalidates."""
    fields = dict(zip(pairs[::2], pairs[1::2], strict=False))
    kind = Kind.EXPIRE if fields.get(b"k") == Kind.EXPIRE.value.encode() else Kind.INVALIDATE
    nonce = fields.get(b"n", b"").decode(errors="replace")
    position = parse_position(record_id)
    try:
        if len(fields.get(b"t", b"")) > LARGEST_RECORD:
            raise Unreadable("a large record")
        tags = decode(_decode_tags, fields.get(b"t", b""))
        if len(tags) > MAX_TAGS_READ:
            raise Unreadable(f"{len(tags)} tags")
        return Record(position, kind, tags, nonce, traceparent=_parse_traceparent(fields.get(b"p", b"")))
    except Unreadable as error:
        emit("unreadable", "", record_id.decode(), tier="log", reason=str(error)[:200])
        return Record(position, Kind.INVALIDATE, (), nonce, is_readable=False)


def _parse_traceparent(text: bytes) -> str:
    """Empty for what is none: any program may have written the record."""
    found = text[:64].decode("latin-1")
    return found if is_traceparent(found) else ""
