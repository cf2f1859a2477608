"""What django-redis has beyond Django's cache API, sync and async, and IGNORE_EXCEPTIONS for all of it."""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeVar

import django_redis.cache
from redis.asyncio.lock import Lock

from .client import FAILURES
from .connection import AnyConnection

T = TypeVar("T")

_DELETE_BATCH = 1000

# Sync methods that django-redis lets fail, and their answers with IGNORE_EXCEPTIONS.
_FALLBACKS: dict[str, Any] = {
    "touch": False,
    "has_key": False,
    "delete": False,
    "delete_many": 0,
    "delete_pattern": 0,
    "set": False,
    "add": False,
    "persist": False,
    "expire": False,
    "expire_at": False,
    "pexpire": False,
    "pexpire_at": False,
    "ttl": 0,
    "pttl": 0,
    "keys": [],
    "incr": None,
    "decr": None,
    "incr_version": None,
    "clear": None,
}


class Extras(django_redis.cache.RedisCache):  # type: ignore[misc]  # django-redis has no types
    """`full_key`, `read`, `write` and `_connection` are RedisCache's."""

    full_key: Callable[[str, int | None], str]
    read: Callable[..., Awaitable[Any]]
    write: Callable[..., Awaitable[Any]]
    _connection: Callable[..., AnyConnection]

    def iter_keys(self, *args: Any, **kwargs: Any) -> Iterator[str]:
        """Matching keys, without prefix and version. SCAN may yield a key twice."""
        try:
            yield from super().iter_keys(*args, **kwargs)
        except FAILURES as error:
            self._ignore(error, None)

    def set_many(self, data: Any, *args: Any, **kwargs: Any) -> list[str]:
        """The keys that were not stored. Empty, unless IGNORE_EXCEPTIONS hides an error."""
        stored = super().set_many(data, *args, **kwargs)
        return list(data) if stored is None else stored

    async def attl(self, key: str, version: int | None = None) -> int | None:
        """Seconds until the key expires. None: it never does. 0: there is no such key."""
        return _time_left(await self._failsafe(self.read("TTL", self.full_key(key, version)), -2))

    async def apttl(self, key: str, version: int | None = None) -> int | None:
        """Milliseconds until the key expires. None: it never does. 0: there is no such key."""
        return _time_left(await self._failsafe(self.read("PTTL", self.full_key(key, version)), -2))

    async def aexpire(self, key: str, timeout: float, version: int | None = None) -> bool:
        """Expire after that many seconds. Returns whether the key exists."""
        answer = self.write("PEXPIRE", self.full_key(key, version), int(timeout * 1000))
        return bool(await self._failsafe(answer, False))

    async def apersist(self, key: str, version: int | None = None) -> bool:
        return bool(await self._failsafe(self.write("PERSIST", self.full_key(key, version)), False))

    async def aiter_keys(
        self, search: str, itersize: int | None = None, version: int | None = None
    ) -> AsyncIterator[str]:
        """Matching keys, without prefix and version. SCAN may yield a key twice."""
        pattern = self.client.make_pattern(search, version=version)
        try:
            async for key in self._connection(write=False).client.scan_iter(match=pattern, count=itersize):
                yield self.client.reverse_key(key.decode(errors="replace"))
        except FAILURES as error:
            self._ignore(error, None)

    async def adelete_pattern(
        self, pattern: str, version: int | None = None, prefix: str | None = None, itersize: int | None = None
    ) -> int:
        """The number of deleted keys."""
        full_pattern = self.client.make_pattern(pattern, version=version, prefix=prefix)
        return await self._failsafe(self._delete_matching(full_pattern, itersize), 0)

    async def _delete_matching(self, full_pattern: str, itersize: int | None) -> int:
        connection, deleted, keys = self._connection(write=True), 0, []
        async for key in connection.client.scan_iter(
            match=full_pattern, count=itersize or self._default_scan_itersize
        ):
            keys.append(key)
            if len(keys) == _DELETE_BATCH:
                deleted, keys = deleted + await self._delete_keys(connection, keys), []
        return deleted + await self._delete_keys(connection, keys)

    async def _delete_keys(self, connection: AnyConnection, keys: list[bytes]) -> int:
        return sum(await asyncio.gather(*(connection.execute("DEL", key) for key in keys)))

    def alock(
        self,
        key: str,
        version: int | None = None,
        timeout: float | None = None,
        sleep: float = 0.1,
        blocking: bool = True,
        blocking_timeout: float | None = None,
    ) -> Lock:
        """`async with cache.alock("key", timeout=10):` takes the same lock as the sync `lock`."""
        return Lock(
            self._connection(write=True).client,
            self.full_key(key, version),
            timeout=timeout,
            sleep=sleep,
            blocking=blocking,
            blocking_timeout=blocking_timeout,
        )

    async def _failsafe(self, answer: Awaitable[T], fallback: T) -> T:
        try:
            return await answer
        except FAILURES as error:
            return self._ignore(error, fallback)

    def _ignore(self, error: Exception, fallback: T) -> T:
        if not self._ignore_exceptions:
            raise error
        if self._log_ignored_exceptions and self.logger:
            self.logger.exception("Exception ignored")
        return fallback


def _ignoring(name: str, fallback: Any) -> Callable[..., Any]:
    method = getattr(django_redis.cache.RedisCache, name)

    @functools.wraps(method)
    def call(self: Extras, *args: Any, **kwargs: Any) -> Any:
        try:
            answer = method(self, *args, **kwargs)
        except FAILURES as error:
            return self._ignore(error, fallback)
        return fallback if answer is None and name not in ("ttl", "pttl") else answer

    return call


for _name, _fallback in _FALLBACKS.items():
    setattr(Extras, _name, _ignoring(_name, _fallback))


def _time_left(answer: int) -> int | None:
    return None if answer == -1 else max(answer, 0)
