"""django-redis with natively async methods. Keys, versions, serializers, compressors and options are the same."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from typing import Any, TypeVar

import django_redis.cache
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django_redis.exceptions import CompressorError
from redis.asyncio.lock import Lock
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from .event_loop import AnyConnection, connection_to
from .server import server_of

T = TypeVar("T")

_INCR = "if redis.call('EXISTS', KEYS[1]) == 0 then return false end return redis.call('INCRBY', KEYS[1], ARGV[1])"
_FAILURES = (RedisConnectionError, RedisTimeoutError, ResponseError, OSError)
_DELETE_BATCH = 1000


class RedisCache(django_redis.cache.RedisCache):  # type: ignore[misc]  # django-redis has no types
    """A CACHES backend. The sync methods are django-redis's own. The async methods use no threads.

    OPTIONS are django-redis's (SERIALIZER, COMPRESSOR, SOCKET_TIMEOUT, SENTINELS, ...) and three more: CLUSTER,
    RETRIES (attempts after the first, default 1) and HEALTH_CHECK_INTERVAL (seconds, default 30).
    Connection errors are raised. With IGNORE_EXCEPTIONS they count as a miss, as in django-redis.
    """

    shares_connections = True

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        urls = server if isinstance(server, list | tuple) else server.split(",")
        self.servers = [server_of(url, params.get("OPTIONS") or {}) for url in urls]

    # --- Django's cache API -------------------------------------------------------------------------

    async def aget(self, key: str, default: Any = None, version: int | None = None) -> Any:
        answer = await self._failsafe(self.read("GET", self.full_key(key, version)), None)
        return default if answer is None else self.client.decode(answer)

    async def aget_many(self, keys: Iterable[str], version: int | None = None) -> dict[str, Any]:
        wanted = {self.full_key(key, version): key for key in keys}
        if not wanted:
            return {}
        answers = await self._failsafe(self.read("MGET", *wanted), [None] * len(wanted))
        decode = self.client.decode
        return {
            key: decode(answer) for key, answer in zip(wanted.values(), answers, strict=True) if answer is not None
        }

    async def aset(
        self,
        key: str,
        value: Any,
        timeout: float | None = DEFAULT_TIMEOUT,
        version: int | None = None,
        *,
        nx: bool = False,
        xx: bool = False,
    ) -> bool:
        """`nx`: store only a new key. `xx`: store only an existing key. Returns whether the value was stored."""
        full_key = self.full_key(key, version)
        milliseconds = self._milliseconds(timeout)
        if milliseconds is not None and milliseconds <= 0:
            # Already expired. As in django-redis, `add` reports whether the key was free, and `set` deletes it.
            if nx:
                return not await self.ahas_key(key, version)
            return await self.adelete(key, version)
        command = ["SET", full_key, self.client.encode(value)]
        command += ["PX", milliseconds] if milliseconds is not None else []
        command += ["NX"] if nx else ["XX"] if xx else []
        return bool(await self._failsafe(self.write(*command), None))

    async def aadd(
        self,
        key: str,
        value: Any,
        timeout: float | None = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> bool:
        return await self.aset(key, value, timeout, version, nx=True)

    async def aset_many(
        self,
        data: Mapping[str, Any],
        timeout: float | None = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> list[str]:
        """The keys that were not stored. Empty, unless IGNORE_EXCEPTIONS hides an error."""
        milliseconds = self._milliseconds(timeout)
        if milliseconds is not None and milliseconds <= 0:
            await self.adelete_many(data, version)
            return []
        end = () if milliseconds is None else ("PX", milliseconds)
        answers = (
            self._failsafe(self.write("SET", self.full_key(key, version), self.client.encode(value), *end), None)
            for key, value in data.items()
        )
        return [key for key, answer in zip(data, await asyncio.gather(*answers), strict=True) if answer is None]

    async def atouch(
        self,
        key: str,
        timeout: float | None = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> bool:
        milliseconds = self._milliseconds(timeout)
        full_key = self.full_key(key, version)
        command = ("PERSIST", full_key) if milliseconds is None else ("PEXPIRE", full_key, milliseconds)
        return bool(await self._failsafe(self.write(*command), False))

    async def adelete(self, key: str, version: int | None = None) -> bool:
        return bool(await self._failsafe(self.write("DEL", self.full_key(key, version)), False))

    async def adelete_many(self, keys: Iterable[str], version: int | None = None) -> int:
        """The number of keys that existed."""
        full_keys = [self.full_key(key, version) for key in keys]
        answers = (
            self._failsafe(self.write("DEL", *full_keys[start : start + _DELETE_BATCH]), 0)
            for start in range(0, len(full_keys), _DELETE_BATCH)
        )
        return sum(await asyncio.gather(*answers))

    async def ahas_key(self, key: str, version: int | None = None) -> bool:
        return bool(await self._failsafe(self.read("EXISTS", self.full_key(key, version)), False))

    async def aincr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Raises ValueError for a missing key. Atomic for 64-bit numbers; larger ones are read and then written."""
        full_key = self.full_key(key, version)
        try:
            value = await self.write("EVAL", _INCR, 1, full_key, delta)
        except ResponseError:
            return await self._incr_large(key, delta, version)
        except _FAILURES as error:
            return self._ignore(error, None)  # type: ignore[return-value]
        if value is None:
            raise ValueError(f"Key '{key!r}' not found")
        return int(value)

    async def _incr_large(self, key: str, delta: int, version: int | None) -> int:
        milliseconds = await self.apttl(key, version)
        value = await self.aget(key, version=version) + delta
        await self.aset(key, value, milliseconds / 1000 if milliseconds else None, version)
        return int(value)

    async def adecr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        return await self.aincr(key, -delta, version)

    async def aincr_version(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Move the value and its lifetime. Returns the new version. Raises ValueError for a missing key."""
        version = self.version if version is None else version
        old = self.full_key(key, version)
        new = self.full_key(key, version + delta)
        moved = await (self._move_between_slots(old, new) if self.servers[0].cluster else self._rename(old, new))
        if not moved:
            raise ValueError(f"Key '{key!r}' not found")
        return version + delta

    async def _rename(self, old: str, new: str) -> bool:
        try:
            await self.write("RENAME", old, new)
        except ResponseError:
            return False
        return True

    async def _move_between_slots(self, old: str, new: str) -> bool:
        """RENAME works within one slot only. For a moment both versions exist."""
        value, milliseconds = await asyncio.gather(self.write("DUMP", old), self.write("PTTL", old))
        if value is None:
            return False
        await self.write("RESTORE", new, max(milliseconds, 0), value, "REPLACE")
        await self.write("DEL", old)
        return True

    async def adecr_version(self, key: str, delta: int = 1, version: int | None = None) -> int:
        return await self.aincr_version(key, -delta, version)

    async def aclear(self) -> None:
        """Empty the whole Redis database, as in django-redis."""
        await self._failsafe(self.write("FLUSHDB"), None)

    async def aclose(self, **kwargs: Any) -> None:
        """Django calls this after each request. Connections stay open until their event loop ends."""

    # --- django-redis's extras ----------------------------------------------------------------------

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
        async for key in self._connection(write=False).client.scan_iter(match=pattern, count=itersize):
            yield self.client.reverse_key(key.decode())

    async def adelete_pattern(
        self, pattern: str, version: int | None = None, prefix: str | None = None, itersize: int | None = None
    ) -> int:
        """The number of deleted keys."""
        connection, deleted, keys = self._connection(write=True), 0, []
        full_pattern = self.client.make_pattern(pattern, version=version, prefix=prefix)
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

    # --- commands, for the engine too ---------------------------------------------------------------

    def full_key(self, key: str, version: int | None) -> str:
        return str(self.client.make_key(key, version))

    def compress(self, content: bytes) -> bytes:
        """Compress bytes that need no serializer."""
        return self.client._compressor.compress(content)  # type: ignore[no-any-return]

    def decompress(self, content: bytes) -> bytes:
        """The inverse of `compress`. Returns bytes that cannot be decompressed as they are."""
        try:
            return self.client._compressor.decompress(content)  # type: ignore[no-any-return]
        except CompressorError:
            return content

    def _milliseconds(self, timeout: float | None) -> int | None:
        seconds = self.default_timeout if timeout is DEFAULT_TIMEOUT else timeout
        return None if seconds is None else int(seconds * 1000)

    def _connection(self, *, write: bool) -> AnyConnection:
        """Writes go to the first server. Reads go to the replicas, if there are any."""
        return connection_to(self.servers[self.client.get_next_client_index(write=write)])

    def read(self, *command: Any) -> Awaitable[Any]:
        return self._connection(write=False).execute(*command)

    def write(self, *command: Any) -> Awaitable[Any]:
        return self._connection(write=True).execute(*command)

    async def _failsafe(self, answer: Awaitable[T], fallback: T) -> T:
        try:
            return await answer
        except _FAILURES as error:
            return self._ignore(error, fallback)

    def _ignore(self, error: Exception, fallback: T) -> T:
        if not self._ignore_exceptions:
            raise error
        if self._log_ignored_exceptions and self.logger:
            self.logger.exception("Exception ignored")
        return fallback


def _time_left(answer: int) -> int | None:
    return None if answer == -1 else max(answer, 0)
