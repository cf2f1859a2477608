"""A Django cache as a store that may fail: a failure is logged and is an empty answer, never an error."""

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar

from django.core.cache import BaseCache, caches

Answer = TypeVar("Answer")

logger = logging.getLogger("content.caching")

SECONDS_BETWEEN_COMPLAINTS = 10.0


class Store:
    """The operations the engine needs of a Django cache alias, each with the answer given when it fails."""

    def __init__(self, alias: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.alias = alias
        self.clock = clock
        self.complained_at = float("-inf")

    @property
    def cache(self) -> BaseCache:
        return caches[self.alias]

    async def lookup(self, keys: Iterable[str]) -> dict[str, Any]:
        """What is there, read in the order of the keys; nothing when the cache fails."""
        return await self.failsafe(self.cache.aget_many(list(keys)), {})

    async def store(self, entries: Mapping[str, bytes], seconds: float) -> bool:
        """Whether all were stored."""
        failed = await self.failsafe(self.cache.aset_many(dict(entries), timeout=seconds), list(entries))
        return not failed

    async def add(self, key: str, value: int) -> None:
        """Kept without end: counters must outlive every entry that refers to them."""
        await self.failsafe(self.cache.aadd(key, value, timeout=None), False)

    async def failsafe(self, operation: Awaitable[Answer], fallback: Answer) -> Answer:
        try:
            return await operation
        except Exception as error:
            self.complain(error)
            return fallback

    def complain(self, error: Exception) -> None:
        """Say it, but not for every request of an outage."""
        if self.clock() - self.complained_at >= SECONDS_BETWEEN_COMPLAINTS:
            self.complained_at = self.clock()
            logger.warning("cache %r does not answer, reading without it: %s", self.alias, error)
