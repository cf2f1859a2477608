"""The second tier: entries in a Django cache that processes share, with the leases to load them."""

import asyncio
import math
from collections.abc import Awaitable, Iterable, Sequence
from functools import cached_property
from hashlib import sha1
from typing import Any, Protocol, cast

from django.core.cache import BaseCache, caches

from .. import lua
from ..backends import RedisCache
from ..backends.client import is_wrong_type
from ..entry import UNCOMPRESSED, compress_value, decompress_value

LEASE = "lease:"


class SharedTier(Protocol):
    """Bytes by key. Errors are raised; Failsafe wraps a tier and handles them."""

    @property
    def answers_in_order(self) -> bool:
        """Whether what is asked for in one turn of the event loop is answered in the order in which it was asked."""

    @property
    def replaces_in_place(self) -> bool:
        """Whether `replace` may succeed."""

    async def lookup(self, keys: Sequence[str]) -> dict[str, Any]: ...

    async def read_beginnings(self, keys: Sequence[str], size: int) -> dict[str, tuple[Any, int]] | None:
        """The first `size` bytes of each entry, or more, and its size in bytes. None if the store does not answer."""

    async def replace(self, key: str, old: bytes, new: bytes) -> bool:
        """Store `new` if `old` is what is stored, which keeps its time to live. Whether it was stored."""

    async def store(self, key: str, content: bytes, seconds: float, token: str | None) -> bool:
        """Whether it was stored. With a token: only under that lease, which then ends."""

    async def lease(self, keys: Sequence[str], token: str, seconds: float) -> list[str]:
        """Those of the keys whose lease the token has now."""

    async def renew(self, key: str, token: str, seconds: float) -> bool: ...

    async def release(self, key: str, token: str) -> None: ...

    async def holder(self, key: str) -> str | None: ...

    async def evict(self, key: str) -> None: ...

    async def numbers(self, keys: Iterable[str]) -> dict[str, int]: ...

    async def add_number(self, key: str, value: int) -> None:
        """Kept without end: counters must outlive every entry that refers to them."""


class CacheTier:
    """Any Django cache: leases by `add`, and stores that do not look at them."""

    # Django runs its calls in threads.
    answers_in_order = False
    # A Django cache has no compare-and-set.
    replaces_in_place = False

    def __init__(self, alias: str) -> None:
        self.alias = alias
        # Django makes a backend for each request. One whose connections may be shared is made once.
        self.own = caches.create_connection(alias) if getattr(caches[alias], "shares_connections", False) else None

    @property
    def cache(self) -> BaseCache:
        return caches[self.alias] if self.own is None else self.own

    @property
    def _backend(self) -> Any:
        """The object whose asynchronous methods are called."""
        return self.cache

    async def lookup(self, keys: Sequence[str]) -> dict[str, Any]:
        found: dict[str, Any] = await self._backend.aget_many(list(keys))
        return found

    async def read_beginnings(self, keys: Sequence[str], size: int) -> dict[str, tuple[Any, int]]:
        """Whole values, since Django's caches have no command for a part of one."""
        stored = await self.lookup(keys)
        return {key: (content, len(content)) for key, content in stored.items() if isinstance(content, bytes)}

    async def replace(self, key: str, old: bytes, new: bytes) -> bool:
        return False

    async def store(self, key: str, content: bytes, seconds: float, token: str | None) -> bool:
        if token is not None and await self.holder(key) != token:
            return False
        try:
            await self._backend.aset(key, content, timeout=_whole_seconds(seconds))
        except ValueError:
            # Larger than this cache takes. The stored value is older: delete it.
            await self._backend.adelete(key)
            return False
        if token is not None:
            await self._backend.adelete(LEASE + key)
        return True

    async def lease(self, keys: Sequence[str], token: str, seconds: float) -> list[str]:
        return [key for key in keys if await self._backend.aadd(LEASE + key, token, timeout=_whole_seconds(seconds))]

    async def renew(self, key: str, token: str, seconds: float) -> bool:
        return await self.holder(key) == token and await self._backend.atouch(
            LEASE + key, timeout=_whole_seconds(seconds)
        )

    async def release(self, key: str, token: str) -> None:
        if await self.holder(key) == token:
            await self._backend.adelete(LEASE + key)

    async def holder(self, key: str) -> str | None:
        return await self._backend.aget(LEASE + key)  # type: ignore[no-any-return]

    async def evict(self, key: str) -> None:
        await self._backend.adelete(key)

    async def numbers(self, keys: Iterable[str]) -> dict[str, int]:
        found: dict[str, int] = await self._backend.aget_many(list(keys))
        return found

    async def add_number(self, key: str, value: int) -> None:
        await self._backend.aadd(key, value, timeout=None)


class InlineTier(CacheTier):
    """A Django cache asked by its caller's own thread: one in memory, or any for a thread that may wait."""

    answers_in_order = True

    @property
    def _backend(self) -> "InlineCache":
        return InlineCache(self.cache)


class InlineCache:
    """Async methods without Django's threads. Django uses one for each key, which takes longer than memory."""

    def __init__(self, cache: BaseCache) -> None:
        self.cache = cache

    async def aget(self, key: str) -> Any:
        return self.cache.get(key)

    async def aget_many(self, keys: list[str]) -> dict[str, Any]:
        return self.cache.get_many(keys)

    async def aset(self, key: str, value: Any, timeout: float | None) -> None:
        self.cache.set(key, value, timeout=timeout)

    async def aadd(self, key: str, value: Any, timeout: float | None) -> bool:
        return self.cache.add(key, value, timeout=timeout)

    async def atouch(self, key: str, timeout: float | None) -> bool:
        return self.cache.touch(key, timeout=timeout)

    async def adelete(self, key: str) -> bool:
        return self.cache.delete(key)


class RedisTier(CacheTier):
    """Our Redis backend: leases and the stores under them are compare-and-set, each in one step.

    The server that takes the writes is asked, and no replica: one that lags does not know what was just stored.
    """

    answers_in_order = True
    replaces_in_place = True

    @property
    def cache(self) -> RedisCache:
        return cast(RedisCache, self.own)

    def _execute(self, *command: Any) -> Awaitable[Any]:
        return self.cache.write(*command)

    async def lookup(self, keys: Sequence[str]) -> dict[str, Any]:
        """Entries are kept as they are packed, past the cache's serializer. Its compressor has their values."""
        full_key = self.cache.full_key
        stored = await self._execute("MGET", *(full_key(key, None) for key in keys)) if keys else []
        return self._by_key(keys, stored)

    async def replace(self, key: str, old: bytes, new: bytes) -> bool:
        """Compared by a digest of what is stored: both are compressed in the same way."""
        cache = self.cache
        digest = sha1(compress_value(old, cache.compress), usedforsecurity=False).hexdigest()
        full_key, packed = cache.full_key(key, None), compress_value(new, cache.compress)
        return bool(await self._execute("EVAL", lua.REPLACE, 1, full_key, digest, packed))

    def _by_key(self, keys: Sequence[str], stored: Iterable[bytes | None]) -> dict[str, Any]:
        decompress = self.cache.decompress
        return {
            # Most entries are small, and not compressed.
            key: content if content[:1] == UNCOMPRESSED else decompress_value(content, decompress)
            for key, content in zip(keys, stored, strict=True)
            if content is not None
        }

    async def read_beginnings(self, keys: Sequence[str], size: int) -> dict[str, tuple[Any, int]]:
        full_keys = [self.cache.full_key(key, None) for key in keys]
        commands = [self._execute("GETRANGE", full_key, 0, size - 1) for full_key in full_keys]
        commands += [self._execute("STRLEN", full_key) for full_key in full_keys]
        answers = await asyncio.gather(*commands, return_exceptions=True)
        for answer in answers:
            # A key of another type is no entry.
            if isinstance(answer, BaseException) and not (isinstance(answer, Exception) and is_wrong_type(answer)):
                raise answer
        beginnings, lengths = answers[: len(keys)], answers[len(keys) :]
        return {
            key: (beginning, int(length))
            for key, beginning, length in zip(keys, beginnings, lengths, strict=True)
            if isinstance(beginning, bytes) and beginning and isinstance(length, int)
        }

    async def store(self, key: str, content: bytes, seconds: float, token: str | None) -> bool:
        cache, end = self.cache, milliseconds(seconds)
        full_key, packed = cache.full_key(key, None), compress_value(content, cache.compress)
        if token is None:
            return bool(await self._execute("SET", full_key, packed, "PX", end))
        return bool(await self._execute("EVAL", lua.STORE, 2, full_key, self.lease_key(key), token, packed, end))

    async def lease(self, keys: Sequence[str], token: str, seconds: float) -> list[str]:
        end = milliseconds(seconds)
        asked = (self._execute("EVAL", lua.ACQUIRE, 1, self.lease_key(key), token, end) for key in keys)
        return [key for key, answer in zip(keys, await asyncio.gather(*asked), strict=True) if answer]

    async def renew(self, key: str, token: str, seconds: float) -> bool:
        return bool(await self._execute("EVAL", lua.RENEW, 1, self.lease_key(key), token, milliseconds(seconds)))

    async def release(self, key: str, token: str) -> None:
        await self._execute("EVAL", lua.RELEASE, 1, self.lease_key(key), token)

    async def holder(self, key: str) -> str | None:
        answer = await self._execute("GET", self.lease_key(key))
        return answer.decode() if answer else None

    def lease_key(self, key: str) -> str:
        """The braces put it into its entry's slot of a cluster, where one script may touch both."""
        return self._lease_key_of(self.cache.full_key(key, None))

    def _lease_key_of(self, full_key: str) -> str:
        return f"{self._lease_prefix}{{{full_key}}}"

    @cached_property
    def _lease_prefix(self) -> str:
        return self.cache.full_key(LEASE, None)


def _whole_seconds(seconds: float) -> int:
    """Memcached counts in whole seconds. The entry's own header has the exact times."""
    return math.ceil(seconds)


def milliseconds(seconds: float) -> int:
    return max(1, int(seconds * 1000))


class NullTier:
    """Stores nothing and grants every lease: within one process single-flight is enough."""

    answers_in_order = True
    replaces_in_place = False

    async def lookup(self, keys: Sequence[str]) -> dict[str, Any]:
        return {}

    async def read_beginnings(self, keys: Sequence[str], size: int) -> dict[str, tuple[Any, int]]:
        return {}

    async def replace(self, key: str, old: bytes, new: bytes) -> bool:
        return False

    async def store(self, key: str, content: bytes, seconds: float, token: str | None) -> bool:
        return True

    async def lease(self, keys: Sequence[str], token: str, seconds: float) -> list[str]:
        return list(keys)

    async def renew(self, key: str, token: str, seconds: float) -> bool:
        return True

    async def release(self, key: str, token: str) -> None:
        pass

    async def holder(self, key: str) -> str | None:
        return None

    async def evict(self, key: str) -> None:
        pass

    async def numbers(self, keys: Iterable[str]) -> dict[str, int]:
        return {}

    async def add_number(self, key: str, value: int) -> None:
        pass
