"""The checkpoint: up to this position of the log, the CDN has confirmed every purge. It is stored beside the log."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.core.cache import caches
from redis.exceptions import RedisError, ResponseError

from content.caching import lua
from content.caching.backends.client import is_wrong_type
from content.caching.backends.connection import connection_to
from content.caching.backends.server import Server
from content.caching.engines import log_server
from content.caching.entry import NOWHERE, Position
from content.caching.lease import Lease
from content.caching.ordering.stream import LogStream, format_position, parse_position

ALIAS = "default"
# Seconds until another follower takes the place of one that died.
LEASE = 5.0
# Redis refuses larger numbers in the id of a record: each of the two has 64 bits.
ID_LIMIT = 2**64


@dataclass(frozen=True)
class Checkpoint:
    """The CDN has confirmed all records of this epoch up to this position."""

    epoch: str
    position: Position

    @classmethod
    def parse(cls, stored: bytes) -> "Checkpoint | None":
        """None for malformed bytes. The follower then purges everything once."""
        epoch, _, text = stored.partition(b" ")
        try:
            position = parse_position(text)
            return cls(epoch.decode(), position) if max(position) < ID_LIMIT else None
        except ValueError:
            return None


class CheckpointStore:
    """The checkpoint of one CDN, and the lease of its follower (a LeaseStore). Another `name` begins without either.

    Two followers that both believe they hold the lease do no harm: each stores only what the CDN confirmed to it.
    """

    answers_in_order = True

    def __init__(self, server: Server, prefix: str, name: str, *, lease: float) -> None:
        self.server = server
        self.key = f"{{{prefix}:log}}:cdn:{name}"
        self.lease_key = f"{self.key}:lease"
        self.seconds = lease

    async def read(self) -> Checkpoint | None:
        """A value of another type is deleted: otherwise the CDN would get no more purges."""
        connection = connection_to(self.server)
        try:
            stored = await connection.execute("GET", self.key)
        except ResponseError as error:
            if not is_wrong_type(error):
                raise
            await connection.execute("UNLINK", self.key)
            return None
        return Checkpoint.parse(stored) if stored else None

    async def write(self, checkpoint: Checkpoint) -> None:
        text = f"{checkpoint.epoch} {format_position(checkpoint.position)}"
        await connection_to(self.server).execute("SET", self.key, text)

    def new_lease(self) -> Lease:
        return Lease(self, self.seconds)

    async def lease(self, keys: Sequence[str], token: str, seconds: float) -> list[str]:
        return [key for key in keys if await self.run(lua.ACQUIRE, key, token, int(seconds * 1000))]

    async def renew(self, key: str, token: str, seconds: float) -> bool:
        return await self.run(lua.RENEW, key, token, int(seconds * 1000))

    async def release(self, key: str, token: str) -> None:
        await self.run(lua.RELEASE, key, token)

    async def run(self, script: str, key: str, *arguments: str | int) -> bool:
        return bool(await connection_to(self.server).execute("EVAL", script, 1, key, *arguments))


def stream_and_checkpoints() -> tuple[LogStream, CheckpointStore] | None:
    """The site's log and the checkpoints beside it; None without a CDN or a log."""
    server = log_server(ALIAS)
    if server is None or not settings.CDN_URL:
        return None
    prefix = caches[ALIAS].key_prefix or "cache"
    name = hashlib.blake2b(settings.CDN_URL.encode(), digest_size=8).hexdigest()
    return LogStream(server, prefix), CheckpointStore(server, prefix, name, lease=LEASE)


def lag() -> float | None:
    """Seconds since the oldest record after the checkpoint, by the clock of Redis; 0 if there is none.

    None without a CDN, or while Redis is down.
    """
    found = stream_and_checkpoints()
    if found is None:
        return None
    log, checkpoints = found
    try:
        with checkpoints.server.sync_client() as client:
            stored = client.get(checkpoints.key)
            checkpoint = Checkpoint.parse(stored) if stored else None
            after = format_position(checkpoint.position if checkpoint is not None else NOWHERE)
            waiting = client.xrange(log.stream, min=f"({after}", count=1)
            seconds, microseconds = client.time()
    except (RedisError, OSError):
        return None
    if not waiting:
        return 0.0
    written_at = int(waiting[0][0].partition(b"-")[0]) / 1000
    return max(0.0, float(seconds + microseconds / 1e6 - written_at))
