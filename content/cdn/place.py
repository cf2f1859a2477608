"""Up to where a CDN has been told, and whose turn it is to tell it: both in the Redis that keeps the log."""

import secrets
from dataclasses import dataclass

from content.caching import lua
from content.caching.backends.event_loop import connection_to
from content.caching.backends.server import Server
from content.caching.entry import Position
from content.caching.ordering.stream import format_position, parse_position


@dataclass(frozen=True)
class Mark:
    """All records of that epoch up to there were confirmed."""

    epoch: str
    position: Position


class Place:
    """`name`: of the CDN. Another one begins without a mark.

    Two that believe the lease theirs do no harm: each marks only what it was confirmed itself.
    """

    def __init__(self, server: Server, prefix: str, name: str, *, lease: float) -> None:
        self.server = server
        self.mark = f"{{{prefix}:log}}:cdn:{name}"
        self.lease = f"{self.mark}:lease"
        self.milliseconds = int(lease * 1000)
        self.token = secrets.token_hex(8)

    async def read(self) -> Mark | None:
        stored = await connection_to(self.server).execute("GET", self.mark)
        return mark_of(stored) if stored else None

    async def write(self, mark: Mark) -> None:
        await connection_to(self.server).execute("SET", self.mark, f"{mark.epoch} {format_position(mark.position)}")

    async def take(self) -> bool:
        return await self.run(lua.ACQUIRE, self.token, self.milliseconds)

    async def renew(self) -> bool:
        return await self.run(lua.RENEW, self.token, self.milliseconds)

    async def release(self) -> None:
        await self.run(lua.RELEASE, self.token)

    async def run(self, script: str, *arguments: str | int) -> bool:
        return bool(await connection_to(self.server).execute("EVAL", script, 1, self.lease, *arguments))


def mark_of(stored: bytes) -> Mark | None:
    """None for what is none."""
    epoch, _, position = stored.partition(b" ")
    try:
        return Mark(epoch.decode(), parse_position(position))
    except ValueError:
        return None
