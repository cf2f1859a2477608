"""The second tier: entries in a Django cache that processes share, with the leases to load them."""

import asyncio
import math
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, cast

from django.core.cache import BaseCache, caches

from content.caching import lua
from content.caching.backends import RedisCache

LEASE = "lease:"


class SharedTier(Protocol):
    """Bytes by key. What fails raises; failsafe.py says what becomes of that."""

    async def lookup(self, keys: Sequence[str]) -> dict[str, Any]: ...

    async def store(self, key: str, content: bytes, seconds: float, token: str | None) -> bool:
        """With a token only while that lease is held, which ends with it. Whether it was stored."""

    async def lease(self, keys: Sequence[str], token: str, seconds: float) -> list[str]:
        """Those of the keys that are the token's now, to be loaded by whoever has it."""

    async def renew(self, key: str, token: str, seconds: float) -> bool: ...

    async def release(self, key: str, token: str) -> None: ...

    async def holder(self, key: str) -> str | None: ...

    async def evict(self, key: str) -> None: ...

    async def numbers(self, keys: Iterable[str]) -> dict[str, int]: ...

    async def add_number(self, key: str, value: int) -> None:
        """Kept without end: counters must outlive every entry that refers to them."""


class CacheTier:
    """Any Django cache: leases by `add`, and stores that do not look at them."""

    def __init__(self, alias: str) -> None:
        self.alias = alias
        # Django makes a backend for each request. One whose connections may be shared is made once.
        self.own = caches.create_connection(alias) if getattr(caches[alias], "shares_connections", False) else None

    @property
    def cache(self) -> BaseCache:
        return caches[self.alias] if self.own is None else self.own

    async def lookup(self, keys: Sequence[str]) -> dict[str, Any]:
        return await self.cache.aget_many(list(keys))

    async def store(self, key: str, content: bytes, seconds: float, token: str | None) -> bool:
        if token is not None and await self.holder(key) != token:
            return False
        try:
            await self.cache.aset(key, content, timeout=whole(seconds))
        except ValueError:
            # More than this cache takes. What it holds is older.
            await self.cache.adelete(key)
            return False
        if token is not None:
            await self.cache.adelete(LEASE + key)
        return True

    async def lease(self, keys: Sequence[str], token: str, seconds: float) -> list[str]:
        return [key for key in keys if await self.cache.aadd(LEASE + key, token, timeout=whole(seconds))]

    async def renew(self, key: str, token: str, seconds: float) -> bool:
        return await self.holder(key) == token and await self.cache.atouch(LEASE + key, timeout=whole(seconds))

    async def release(self, key: str, token: str) -> None:
        if await self.holder(key) == token:
            await self.cache.adelete(LEASE + key)

    async def holder(self, key: str) -> str | None:
        return await self.cache.aget(LEASE + key)  # type: ignore[no-any-return]

    async def evict(self, key: str) -> None:
        await self.cache.adelete(key)

    async def numbers(self, keys: Iterable[str]) -> dict[str, int]:
        return await self.cache.aget_many(list(keys))

    async def add_number(self, key: str, value: int) -> None:
        await self.cache.aadd(key, value, timeout=None)


class RedisTier(CacheTier):
    """Our Redis backend: leases and the stores under them are compare-and-set, each in one step."""

    @property
    def cache(self) -> RedisCache:
        return cast(RedisCache, self.own)

    async def lookup(self, keys: Sequence[str]) -> dict[str, Any]:
        """Entries are kept as they are packed, past the cache's serializer and through its compressor."""
        cache = self.cache
        stored = await cache.read("MGET", *(cache.full_key(key, None) for key in keys)) if keys else []
        return {
            key: cache.decompressed(content) for key, content in zip(keys, stored, strict=True) if content is not None
        }

    async def store(self, key: str, content: bytes, seconds: float, token: str | None) -> bool:
        cache, end = self.cache, milliseconds(seconds)
        full_key, packed = cache.full_key(key, None), cache.compressed(content)
        if token is None:
            return bool(await cache.write("SET", full_key, packed, "PX", end))
        return bool(await cache.write("EVAL", lua.STORE, 2, full_key, self.lease_key(key), token, packed, end))

    async def lease(self, keys: Sequence[str], token: str, seconds: float) -> list[str]:
        cache, end = self.cache, milliseconds(seconds)
        asked = (cache.write("EVAL", lua.LEASE, 1, self.lease_key(key), token, end) for key in keys)
        return [key for key, answer in zip(keys, await asyncio.gather(*asked), strict=True) if answer]

    async def renew(self, key: str, token: str, seconds: float) -> bool:
        return bool(await self.cache.write("EVAL", lua.RENEW, 1, self.lease_key(key), token, milliseconds(seconds)))

    async def release(self, key: str, token: str) -> None:
        await self.cache.write("EVAL", lua.RELEASE, 1, self.lease_key(key), token)

    async def holder(self, key: str) -> str | None:
        answer = await self.cache.read("GET", self.lease_key(key))
        return answer.decode() if answer else None

    def lease_key(self, key: str) -> str:
        """In a cluster the braces put it into its entry's slot, where one script may touch both."""
        return f"{self.cache.full_key(LEASE, None)}{{{self.cache.full_key(key, None)}}}"


def whole(seconds: float) -> int:
    """Memcached counts in seconds. An entry's own header ends it when its time is up."""
    return math.ceil(seconds)


def milliseconds(seconds: float) -> int:
    return max(1, int(seconds * 1000))
