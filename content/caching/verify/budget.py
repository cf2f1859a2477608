"""The share of the database's time that checks may take, summed over all processes."""

from .. import lua
from ..backends.connection import connection_to
from ..backends.server import Server

# Seconds of the database that may be saved up. With one percent they take 25 seconds to return.
SAVED = 0.25
# A load is charged the time of its statements, and at least this share of its whole time.
CHARGED = 0.1


class Budget:
    """`share`: seconds of the database a second, as 0.01."""

    def __init__(self, server: Server, prefix: str, share: float) -> None:
        self.server = server
        self.share = share
        self.key = f"{{{prefix}:verify}}:spent"

    async def seconds_to_wait(self) -> float:
        """0 if a load may begin now. Raises RedisError or OSError."""
        return await self._spend(0.0, anyway=False) / 1000

    async def charge(self, seconds: float) -> None:
        """Spend what a load has cost. Loads that follow wait until it has returned."""
        await self._spend(seconds, anyway=True)

    async def _spend(self, seconds: float, *, anyway: bool) -> float:
        refill, room = seconds / self.share * 1000, SAVED / self.share * 1000
        arguments = (self.key, f"{refill:.3f}", f"{room:.3f}", int(anyway))
        return float(await connection_to(self.server).execute("EVAL", lua.SPEND, 1, *arguments))
