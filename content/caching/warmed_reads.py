"""The warmed entries that somebody has read, each counted once however many processes read it.

A stored version of an entry is known by its key and the time at which it was made. A process that reads a warmed
version for the first time adds its digest to one sorted set in Redis; Redis says whether it is new there. The set
keeps the MOST_VERSIONS digests that were added last, about 90 bytes each.
"""

import logging
import time
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from redis.exceptions import ResponseError

from .backends.connection import connection_to
from .backends.server import Server
from .entry import MAX_LIFETIME
from .metrics.events import measure
from .read_counts import Version
from .warm_plan import is_wait_spared, plan_of

logger = logging.getLogger("content.caching")

# Digests in Redis. A version that is read in two processes, with so many others between, counts twice.
MOST_VERSIONS = 50_000
# Digests in one message.
BATCH = 500


def digest_of(key: str, made_at: float) -> bytes:
    return blake2b(f"{key}\n{made_at!r}".encode(), digest_size=10).digest()


class WarmedReads:
    def __init__(self, server: Server, prefix: str) -> None:
        self.server = server
        self.key = f"{{{prefix}:heat}}:warmed-reads"

    def send(self, client: Any, versions: dict[Version, tuple[int, float]]) -> None:
        """Count the versions, with their marks and costs, and remove them from `versions`.

        Versions that Redis did not confirm stay there, and are sent again. Redis counts none twice: the sums
        may lack reads of an outage, and never have one twice. Raises RedisError or OSError.
        """
        while versions:
            part = list(versions)[:BATCH]
            for version, is_new in zip(part, self._add(client, part), strict=True):
                mark, cost = versions.pop(version)
                if is_new:
                    count_read(version.key, mark, cost)

    def _add(self, client: Any, versions: Sequence[Version]) -> list[bool]:
        """Whether each is new."""
        pipeline, now = client.pipeline(transaction=False), time.time()
        for version in versions:
            pipeline.zadd(self.key, {digest_of(version.key, version.made_at): now})
        pipeline.zremrangebyrank(self.key, 0, -MOST_VERSIONS - 1)
        pipeline.expire(self.key, int(MAX_LIFETIME))
        try:
            return [bool(answer) for answer in pipeline.execute()[: len(versions)]]
        except ResponseError:
            if client.type(self.key) == b"zset":
                raise
            logger.warning("Another program wrote %s; what it wrote is removed, and counting begins anew.", self.key)
            client.unlink(self.key)
            return [False] * len(versions)

    async def were_read(self, digests: Sequence[bytes]) -> list[bool]:
        """Whether each of the versions was read, as far as processes have reported. Raises RedisError or OSError."""
        found = list[bool]()
        for first in range(0, len(digests), BATCH):
            part = digests[first : first + BATCH]
            answer = await connection_to(self.server).execute("ZMSCORE", self.key, *part)
            found += [score is not None for score in answer]
        return found


def count_read(key: str, mark: int, cost: float) -> None:
    """The first read of a warmed version. `cost`: seconds of its load, which a reader did not wait for."""
    plan, resource = plan_of(mark), key.partition("@")[0]
    if plan:
        measure("warmed_read", resource, 1, plan.label)
        if is_wait_spared(mark):
            measure("warm_saved_seconds", resource, max(0.0, cost), plan.label)
