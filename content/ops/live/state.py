"""The state that one process samples for all, in Redis."""

import secrets
import time

import msgspec

from content.caching.errors import Unreadable
from content.caching.metrics.events import emit
from content.caching.serializer import decode
from content.ops.snapshot import Snapshot
from content.ops.state.site_redis import Execute

# Seconds until another process samples in the place of one that died, and until its last state expires.
LEASE, EXPIRES = 2.5, 30
# Bytes of a state.
LARGEST = 512 * 1024

_snapshots = msgspec.json.Decoder(Snapshot)


class SharedState:
    """`execute`: None where there is no Redis; each process then samples alone."""

    def __init__(self, execute: Execute | None, prefix: str) -> None:
        self.execute = execute
        self.key, self.lease = f"{prefix}:state", f"{prefix}:sampler"
        self.token = secrets.token_hex(8)
        self.is_sampler = execute is None

    async def lead(self, seconds: float = LEASE) -> bool:
        """Whether this process samples for all. Raises RedisError or OSError."""
        self.is_sampler = True
        self.is_sampler = await self._take_lease(seconds)
        return self.is_sampler

    async def _take_lease(self, seconds: float) -> bool:
        if self.execute is None:
            return True
        milliseconds = int(seconds * 1000)
        if await self.execute("SET", self.lease, self.token, "NX", "PX", milliseconds):
            return True
        # Between the two commands it may become another's: then two processes sample once.
        if not await self._is_ours():
            return False
        await self.execute("PEXPIRE", self.lease, milliseconds)
        return True

    async def _is_ours(self) -> bool:
        if self.execute is None:
            return False
        holder = await self.execute("GET", self.lease)
        return bool(holder == self.token.encode())

    async def leave(self) -> None:
        """Let another process sample. Raises RedisError or OSError."""
        if self.execute is not None and await self._is_ours():
            await self.execute("UNLINK", self.lease)

    async def store(self, encoded: bytes) -> None:
        """Raises RedisError or OSError."""
        if self.execute is not None and len(encoded) <= LARGEST:
            await self.execute("SET", self.key, encoded, "EX", EXPIRES)

    async def read(self, within: float) -> Snapshot | None:
        """None if there is none, or none from the last `within` seconds. Raises RedisError or OSError."""
        if self.execute is None or await self.execute("STRLEN", self.key) > LARGEST:
            return None
        content = await self.execute("GET", self.key)
        snapshot = read_snapshot(content) if content is not None else None
        return snapshot if snapshot is not None and abs(time.time() - snapshot.at) < within else None


def read_snapshot(content: bytes) -> Snapshot | None:
    """None for what is no snapshot of this release; that is counted."""
    try:
        return decode(_snapshots.decode, content)
    except Unreadable:
        emit("unreadable", "live", tier="state")
        return None
