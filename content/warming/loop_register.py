"""The control loops that live, one for each release: together they have one budget."""

import time

from redis.exceptions import ResponseError

from content.caching.backends.client import is_wrong_type
from content.caching.backends.connection import connection_to
from content.caching.backends.server import Server

# Seconds since its last report, after which a loop has ended. It reports each second.
LIVES = 5.0
# The most releases that share the budget: another program may have written more into the register.
MOST_LOOPS = 4
# Seconds after the last report, when Redis drops the register.
EXPIRES = 60


class LoopRegister:
    """A sorted set of releases by the time of their loop's last report."""

    def __init__(self, server: Server, prefix: str, release: str) -> None:
        self.server = server
        self.key = f"{{{prefix}:warming}}:loops"
        self.release = release or "-"

    async def report(self) -> int:
        """Report that this release's loop lives. Returns how many do, itself included.

        Raises RedisError or OSError.
        """
        try:
            return await self._report()
        except ResponseError as error:
            if not is_wrong_type(error):
                raise
            # Something else wrote there. Left alone, it would keep the loops from sharing.
            await connection_to(self.server).execute("UNLINK", self.key)
            return await self._report()

    async def _report(self) -> int:
        execute, now = connection_to(self.server).execute, time.time()
        await execute("ZADD", self.key, now, self.release)
        await execute("ZREMRANGEBYSCORE", self.key, "-inf", now - LIVES)
        await execute("ZREMRANGEBYSCORE", self.key, now + LIVES, "+inf")
        await execute("PEXPIRE", self.key, EXPIRES * 1000)
        return min(max(1, int(await execute("ZCARD", self.key))), MOST_LOOPS)
