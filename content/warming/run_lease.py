"""The lease of a run: one process at a time works on it. It lapses a few seconds after that process has died."""

import asyncio
import time

from content.caching.engines import engine_of
from content.caching.lease import Lease
from content.caching.stores.failsafe import Failsafe
from content.caching.stores.shared import SharedTier

ALIAS = "default"
# Seconds until another process takes over the run of one that died.
SECONDS = 3.0
# Seconds for which the cache may fail to answer, and between two attempts. With the second between two renewals the
# lease is still held then.
PATIENCE, AGAIN = 1.5, 0.2


class Lost(Exception):
    """Another process works on the run."""


class CacheAway(Exception):
    """The cache does not answer, so that nothing can be warmed and nobody can say who works on the run."""


def owner_lease(release: str) -> str:
    """The name of the lease of that release's control loop."""
    return f"warming:owner:{release}"


def lease_store() -> SharedTier:
    """Past the circuit breaker, which grants every lease while the cache is down."""
    shared = engine_of(ALIAS).shared
    return shared.tier if isinstance(shared, Failsafe) else shared


class RunLease:
    def __init__(self, run: int, store: SharedTier | None = None) -> None:
        self.store = store if store is not None else lease_store()
        self.lease = Lease(self.store, SECONDS)
        self.name = f"warming:run:{run}"

    @property
    def token(self) -> str:
        return self.lease.token

    async def take(self) -> bool:
        """False if another process has it. Raises CacheAway."""
        try:
            return bool(await self.lease.take([self.name]))
        except Exception as error:
            raise CacheAway(str(error)) from error

    async def keep(self) -> None:
        """Renew it, or take it anew after a flush. Raises Lost, and CacheAway after PATIENCE."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                async with asyncio.timeout(PATIENCE):
                    renewed = await self.store.renew(self.name, self.token, self.lease.seconds)
                    is_ours = renewed or bool(await self.lease.take([self.name]))
            except Exception as error:
                if time.monotonic() >= until:
                    raise CacheAway(str(error) or "it does not answer") from error
            else:
                if is_ours:
                    return
                raise Lost
            await asyncio.sleep(AGAIN)

    async def release(self) -> None:
        """It lapses by itself if the cache does not answer."""
        try:
            async with asyncio.timeout(AGAIN):
                await self.lease.release([self.name])
        except Exception:
            return
