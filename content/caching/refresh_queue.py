"""The refresh queue in Redis: what servers found stale, and workers load or make again.

Adding is cheap and idempotent: a key has one member, however many processes add it. A worker that asks for work
leaves a mark, so that a server knows whether one lives.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from redis.exceptions import RedisError

from . import lua
from .backends.connection import connection_to
from .backends.server import Server
from .entry import NOWHERE, Position
from .errors import Unreadable
from .metrics.events import emit
from .serializer import decode
from .tracing import current_traceparent, is_traceparent

logger = logging.getLogger("content.caching")

# The kind of queue for pages, whose workers have the application.
PAGES = "pages"
MAX_QUEUED = 10_000
# Seconds. A worker that has not asked for work for this long has ended: the readers' processes load.
PRESENCE = 3.0

# Seconds that a worker waits for work before it reports again that it is there; below a connection's timeout.
WAIT = 0.4
FIRST_DELAY, MAX_DELAY = 0.1, 1.0

Parameters = tuple[Any, ...]

_encode = msgspec.msgpack.Encoder().encode
_decode_member = msgspec.msgpack.Decoder(tuple[str, list[Any]]).decode


class _Seen(msgspec.Struct, array_like=True, frozen=True):
    """The value that is stored beside a member. Later fields may be missing."""

    seen_at: float
    position: Position
    traceparent: str = ""


_decode_seen = msgspec.msgpack.Decoder(_Seen).decode


@dataclass(frozen=True)
class RefreshRequest:
    """A key to load again, unless a value newer than `seen_at` (its made_at, Unix seconds) is stored by now.

    `schema`: of the requesting process. A worker with another one cannot load the key.
    `position`: up to where the requesting process had read the log. A load that begins before it is stale at once.
    `traceparent`: of the span that asks, which the worker's span continues. Empty if it is not recorded.
    """

    resource: str
    schema: str
    parameters: Parameters
    seen_at: float
    position: Position
    traceparent: str = field(default="", compare=False)


class RefreshQueue:
    """The queue of one release: its workers see no other's requests. Those who serve one kind see no other kind."""

    def __init__(self, server: Server, prefix: str, release: str = "", kind: str = "due") -> None:
        self.server = server
        name = f"{{{prefix}:{kind}}}:{release}" if release else f"{{{prefix}:{kind}}}"
        self.bell = f"{name}:bell"
        self.keys = (name, f"{name}:seen", self.bell, f"{name}:worker")

    async def add(self, request: RefreshRequest) -> bool:
        """Whether a worker is there to take it. False as well when Redis is down."""
        if not is_portable(request.parameters):
            return False
        name = f"{request.resource}@{request.schema}"
        member = _encode((name, request.parameters))
        traces = [traceparent] if (traceparent := current_traceparent()) else []
        seen = _encode((request.seen_at, request.position, *traces))
        try:
            return bool(await self.run(lua.ENQUEUE, member, time.time(), seen, MAX_QUEUED))
        except (RedisError, OSError):
            return False

    async def take(self, most: int) -> list[RefreshRequest]:
        """The oldest requests, each for one worker only. Raises RedisError or OSError."""
        flat = await self.run(lua.DEQUEUE, most, int(PRESENCE * 1000))
        return [
            found
            for member, seen in zip(flat[::2], flat[1::2], strict=True)
            if (found := _decode_request(member, seen))
        ]

    async def wait(self, seconds: float) -> None:
        """Wait until there is a request, that long at most. On a connection of its own."""
        # Shorter than the connection's own timeout.
        bound = min(seconds, (self.server.timeout or math.inf) / 2)
        await connection_to(self.server).client.blpop([self.bell], timeout=bound)

    async def count(self) -> int:
        return int(await connection_to(self.server).execute("ZCARD", self.keys[0]))

    async def run(self, script: str, *arguments: Any) -> Any:
        return await connection_to(self.server).execute("EVAL", script, len(self.keys), *self.keys, *arguments)


def is_portable(parameters: Sequence[Any]) -> bool:
    """Whether MessagePack returns them as they are."""
    return all(
        is_portable(parameter)
        if isinstance(parameter, tuple)
        else parameter is None or type(parameter) in (str, int, float, bool)
        for parameter in parameters
    )


def _decode_request(member: bytes, seen: bytes) -> RefreshRequest | None:
    """None for bytes that are no request."""
    try:
        name, parameters = decode(_decode_member, member)
        resource, _, schema = name.rpartition("@")
        last = decode(_decode_seen, seen) if seen else _Seen(0.0, NOWHERE)
        traceparent = last.traceparent if is_traceparent(last.traceparent) else ""
        return RefreshRequest(
            resource, schema, decode(_as_tuples, parameters), last.seen_at, last.position, traceparent
        )
    except Unreadable as error:
        emit("unreadable", "", tier="queue", reason=str(error)[:200])
        return None


def _as_tuples(parameters: Sequence[Any]) -> Parameters:
    return tuple(_as_tuples(parameter) if isinstance(parameter, list) else parameter for parameter in parameters)


async def serve_queue(
    queue: RefreshQueue,
    handle: Callable[[list[RefreshRequest]], Coroutine[Any, Any, None]],
    *,
    most: int,
    at_once: int,
) -> None:
    """Handle what is on the queue, until cancelled: `at_once` batches of `most` requests. `handle` must not raise."""
    slots, delay = asyncio.Semaphore(at_once), FIRST_DELAY
    async with asyncio.TaskGroup() as group:
        while True:
            await slots.acquire()
            try:
                batch = await queue.take(most)
                if not batch:
                    slots.release()
                    await queue.wait(WAIT)
                    delay = FIRST_DELAY
                    continue
            except (RedisError, OSError) as error:
                slots.release()
                logger.info("Cannot reach Redis to refresh stale entries; retrying: %s", error)
                await asyncio.sleep(delay)
                delay = min(delay * 2, MAX_DELAY)
                continue
            group.create_task(handle(batch)).add_done_callback(lambda done: slots.release())
