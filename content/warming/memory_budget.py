"""How much of the site fits into the cache: a budget of bytes, and the entries that were evicted.

Warming stores no more than the budget, hottest first. If Redis evicts all the same, what is missing was evicted for
want of room: it is not loaded again unless it is read, for another entry would be evicted for it.
"""

import logging
from dataclasses import dataclass
from hashlib import blake2b

from redis.exceptions import RedisError

from content.caching.backends.connection import connection_to
from content.caching.backends.server import Server

logger = logging.getLogger(__name__)

# The share of Redis's maxmemory for warm entries. Sessions, queues, the log and other entries need room too.
SHARE = 0.8
# Bytes that Redis needs for an entry besides its value: key, expiry and their tables.
OVERHEAD = 250
# Entries that are remembered as evicted. Past it none is loaded that nobody reads.
MOST_LEFT_OUT = 500_000
# Bytes that an entry is taken to need before any was seen.
UNKNOWN_SIZE = 4000


@dataclass(frozen=True)
class MemoryInfo:
    """The bytes that Redis uses, the most that it may use (0: no bound), and the entries evicted since its start."""

    used: int
    maximum: int
    evicted: int


async def read_memory_info(server: Server | None) -> MemoryInfo | None:
    """None without a Redis, in a cluster, and while it does not answer."""
    if server is None or server.cluster:
        return None
    try:
        text = (await connection_to(server).execute("INFO")).decode(errors="replace")
        fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        return MemoryInfo(*(int(fields[name]) for name in ("used_memory", "maxmemory", "evicted_keys")))
    except (RedisError, OSError, ValueError, KeyError, AttributeError) as error:
        logger.debug("Redis does not say how much memory it has: %s", error)
        return None


class MemoryBudget:
    """`limit`: bytes for warm entries; 0: a share of what Redis may use, and none if that has no bound."""

    def __init__(self, limit: int = 0) -> None:
        self.limit = limit
        # Loops that have the budget together, each an equal part.
        self.loops = 1
        self.info: MemoryInfo | None = None
        # Redis has evicted entries since the pass before.
        self.is_evicting = False
        # The heat of missing entries when they were found, by digests of their keys.
        self.left_out: dict[bytes, float] = {}

    @property
    def bytes(self) -> int | None:
        """None: no bound."""
        maximum = self.info.maximum if self.info is not None else 0
        whole = self.limit or int(maximum * SHARE)
        return whole // self.loops if whole else None

    def begin_pass(self, info: MemoryInfo | None) -> None:
        before, self.info = self.info, info if info is not None else self.info
        self.is_evicting = before is not None and info is not None and info.evicted > before.evicted
        if before is not None and info is not None and info.maximum != before.maximum:
            self.forget()

    def forget(self) -> None:
        """The cache was emptied, or has other room now: nothing that is missing was evicted."""
        self.left_out.clear()
        self.is_evicting = False

    def may_load(self, key: str, heat: float) -> bool:
        """Whether a missing entry of that heat may be loaded: heat falls by itself, and rises only by a read."""
        digest = blake2b(key.encode(), digest_size=8).digest()
        known = self.left_out.get(digest)
        if known is None and self.is_evicting:
            if len(self.left_out) < MOST_LEFT_OUT:
                self.left_out[digest] = heat
            return False
        if known is None or heat > known:
            self.left_out.pop(digest, None)
            return True
        return False


class Room:
    """The rest of a budget in one pass over all that should be cached, hottest first. None: no bound."""

    def __init__(self, size: int | None) -> None:
        self.left = size
        # The number of stored entries that were seen, and their bytes.
        self.stored, self.stored_bytes = 0, 0
        self.is_full = False

    def copy(self) -> "Room":
        other = Room(self.left)
        other.stored, other.stored_bytes, other.is_full = self.stored, self.stored_bytes, self.is_full
        return other

    @property
    def mean_size(self) -> float:
        return self.stored_bytes / self.stored if self.stored else UNKNOWN_SIZE + OVERHEAD

    def take(self, size: int | None) -> bool:
        """Whether an entry of that size fits. None: it is not stored yet, and is taken to be as large as others."""
        if size is not None:
            self.stored += 1
            self.stored_bytes += size + OVERHEAD
        if self.left is None:
            return True
        needed = size + OVERHEAD if size is not None else int(self.mean_size)
        if needed > self.left:
            self.is_full = True
            return False
        self.left -= needed
        return True
