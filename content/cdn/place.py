"""Up to where a CDN has been told, and whose turn it is to tell it: both in the Redis that keeps the log."""

from collections.abc import Sequence
from dataclasses import dataclass

from redis.exceptions import ResponseError

from content.caching import lua
from content.caching.backends.client import is_wrong_type
from content.caching.backends.connection import connection_to
from content.caching.backends.server import Server
from content.caching.entry import Position
from content.caching.lease import Lease
from content.caching.ordering.stream import format_position, parse_position

# Either number of a stream's id has 64 bits. Redis refuses a larger one.
MOST_OF_AN_ID = 2**64


@dataclass(frozen=True)
class Mark:
    """All records of that epoch up to there were confirmed."""

    epoch: str
    position: Position


class Place:
    """`name`: of the CDN. Another one begins without a mark.

    Two that believe the lease theirs do no harm: each marks only what it was confirmed itself.
    """

    answers_in_order = True

    def __init__(self, server: Server, prefix: str, name: str, *, lease: float) -> None:
        self.server = server
        self.mark = f"{{{prefix}:log}}:cdn:{name}"
        self.lease_key = f"{self.mark}:lease"
        self.seconds = lease

    async def read(self) -> Mark | None:
        """A value of another type is deleted: otherwise the CDN would get no more purges."""
        connection = connection_to(self.server)
        try:
            stored = await connection.execute("GET", self.mark)
        except ResponseError as error:
            if not is_wrong_type(error):
                raise
            await connection.execute("UNLINK", self.mark)
            return None
        return mark_of(stored) if stored else None

    async def write(self, mark: Mark) -> None:
        await connection_to(self.server).execute("SET", self.mark, f"{mark.epoch} {format_position(mark.position)}")

    def new_lease(self) -> Lease:
        return Lease(self, self.seconds)

    # --- as a LeaseStore ------------------------------------------------------------------------------------

    async def lease(self, keys: Sequence[str], token: str, seconds: float) -> list[str]:
        return [key for key in keys if await self.run(lua.ACQUIRE, key, token, int(seconds * 1000))]

    async def renew(self, key: str, token: str, seconds: float) -> bool:
        return await self.run(lua.RENEW, key, token, int(seconds * 1000))

    async def release(self, key: str, token: str) -> None:
        await self.run(lua.RELEASE, key, token)

    async def run(self, script: str, key: str, *arguments: str | int) -> bool:
        return bool(await connection_to(self.server).execute("EVAL", script, 1, key, *arguments))


def mark_of(stored: bytes) -> Mark | None:
    """None for bytes that are no mark. Then everything is purged once."""
    epoch, _, text = stored.partition(b" ")
    try:
        position = parse_position(text)
        return Mark(epoch.decode(), position) if max(position) < MOST_OF_AN_ID else None
    except ValueError:
        return None
