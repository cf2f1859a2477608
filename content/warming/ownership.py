"""One owner of the control loop at a time, among all workers of a release.

Each worker process tries to get a lease every second. The owner renews it. It stops its work when the lease is lost,
and, by its own clock, before the lease can be another's. An owner that dies is replaced within 1.25 times `seconds`
and one interval.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from content.caching.lease import Lease, LeaseStore

logger = logging.getLogger(__name__)

# Seconds until another process takes the place of an owner that died, and between two attempts.
LEASE, INTERVAL = 3.0, 1.0


class Ownership:
    """`name`: of the lease. `store`: it raises while it is down, and then nobody is the owner."""

    def __init__(self, store: LeaseStore, name: str, *, seconds: float = LEASE, interval: float = INTERVAL) -> None:
        self.store = store
        self.name = name
        self.seconds = seconds
        self.interval = interval

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work whenever this process is the owner, until cancelled. No error of the work ends it."""
        while True:
            await self.try_once(work)
            await asyncio.sleep(self.interval)

    async def try_once(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Do the work if no other process is the owner, for as long as this one is. Whether it was."""
        lease = Lease(self.store, self.seconds)
        try:
            if not await lease.take([self.name]):
                return False
            # A flush may have taken the lease from an owner who learns of it when it renews: let it stop first.
            await asyncio.sleep(self.seconds / 4)
            asked_at = time.monotonic()
            if not await self.store.renew(self.name, lease.token, self.seconds):
                return False
        except Exception as error:
            logger.info("Cannot reach the cache to see who warms it; retrying: %s", error)
            return False
        working, renewing = asyncio.ensure_future(work()), asyncio.ensure_future(self._renew(lease, asked_at))
        try:
            await asyncio.wait([working, renewing], return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self._end(working, renewing)
            await self._release(lease)
        return True

    async def _renew(self, lease: Lease, asked_at: float) -> None:
        """Returns when the lease is lost, or could be another's."""
        held_until = asked_at + self.seconds
        while True:
            await asyncio.sleep(self.seconds / 6)
            asked_at = time.monotonic()
            try:
                async with asyncio.timeout(max(0.0, held_until - self.seconds / 6 - asked_at)):
                    if not await self.store.renew(self.name, lease.token, self.seconds):
                        return
            except Exception:
                if time.monotonic() >= held_until - self.seconds / 3:
                    return
            else:
                held_until = asked_at + self.seconds

    async def _end(self, *tasks: "asyncio.Future[None]") -> None:
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                logger.error("Warming failed, and begins anew in a moment.", exc_info=result)

    async def _release(self, lease: Lease) -> None:
        try:
            await lease.release([self.name])
        except Exception as error:
            logger.debug("The lease of warming ends by its timeout: %s", error)
