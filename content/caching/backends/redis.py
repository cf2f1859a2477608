"""django-redis with natively async methods. Keys, versions, serializers, compressors and options are the same."""

import asyncio
import contextlib
from collections.abc import Awaitable, Iterable, Mapping
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from ..errors import Unreadable
from .client import (
    DISCARD,
    FAILURES,
    INCR,
    REPLACE,
    REPLACE_ATTEMPTS,
    fingerprint,
    is_wrong_type,
    missing,
    report_unreadable,
)
from .connection import AnyConnection, connection_to
from .extras import Extras
from .server import server_of

_DELETE_BATCH = 1000
_DEFAULTS = {
    "CONNECTION_FACTORY": f"{__package__}.client.OwnConnectionFactory",
    "CLIENT_CLASS": f"{__package__}.client.Client",
    "SERIALIZER": f"{__package__.rpartition('.')[0]}.serializer.MessagePackSerializer",
}


class RedisCache(Extras):
    """A CACHES backend. The sync methods are django-redis's own. The async methods use no threads.

    OPTIONS are django-redis's (SERIALIZER, COMPRESSOR, SOCKET_TIMEOUT, SENTINELS, ...) and three more: CLUSTER,
    RETRIES (attempts after the first, default 1) and HEALTH_CHECK_INTERVAL (seconds, default 30).
    SERIALIZER is by default ours, without pickle. Connection errors are raised. With IGNORE_EXCEPTIONS every call
    but a lock counts them as a miss.
    """

    shares_connections = True

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        options = _DEFAULTS | (params.get("OPTIONS") or {})
        super().__init__(server, params | {"OPTIONS": options})
        urls = server if isinstance(server, list | tuple) else server.split(",")
        self.servers = [server_of(url, options) for url in urls]

    # --- Django's cache API -------------------------------------------------------------------------

    async def aget(self, key: str, default: Any = None, version: int | None = None) -> Any:
        full_key = self.full_key(key, version)
        try:
            answer = await self.read("GET", full_key)
        except FAILURES as error:
            if not is_wrong_type(error):
                return self._ignore(error, default)
            report_unreadable(full_key, str(error))
            return default
        if answer is None:
            return default
        try:
            return self.client.decode(answer)
        except Unreadable as error:
            await self._discard(full_key, answer, error)
            return default

    async def aget_many(self, keys: Iterable[str], version: int | None = None) -> dict[str, Any]:
        wanted = {self.full_key(key, version): key for key in keys}
        if not wanted:
            return {}
        answers = await self._failsafe(self.read("MGET", *wanted), [None] * len(wanted))
        decode, found = self.client.decode, {}
        for (full_key, key), answer in zip(wanted.items(), answers, strict=True):
            if answer is None:
                continue
            try:
                found[key] = decode(answer)
            except Unreadable as error:
                await self._discard(full_key, answer, error)
        return found

    async def _discard(self, full_key: str, content: bytes, error: Unreadable) -> None:
        """Delete it, so that `aadd` can store again. If that fails, it stays a miss."""
        report_unreadable(full_key, str(error))
        with contextlib.suppress(*FAILURES):
            await self.write("EVAL", DISCARD, 1, full_key, *fingerprint(content))

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
        # All are encoded before any is sent: a value that cannot be stored is a TypeError, and nothing is stored.
        encoded = [(self.full_key(key, version), self.client.encode(value)) for key, value in data.items()]
        answers = [self._failsafe(self.write("SET", full_key, content, *end), None) for full_key, content in encoded]
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

    async def aincr(self, key: str, delta: Any = 1, version: int | None = None) -> Any:
        """Raises ValueError for a key that is missing or unreadable. Atomic for all numbers."""
        full_key = self.full_key(key, version)
        try:
            if type(delta) is not int:
                return await self._add_and_replace(key, full_key, delta)
            try:
                value = await self.write("EVAL", INCR, 1, full_key, delta)
            except ResponseError as error:
                if is_wrong_type(error):
                    raise missing(key) from error
                return await self._add_and_replace(key, full_key, delta)
        except FAILURES as error:
            return self._ignore(error, None)
        if value is None:
            raise missing(key)
        return value

    async def _add_and_replace(self, key: str, full_key: str, delta: Any) -> Any:
        """Add in Python what Redis cannot add: floats, large and other numbers."""
        for _ in range(REPLACE_ATTEMPTS):
            content = await self.write("GET", full_key)
            value = self.client.add_to(key, content, delta)
            if await self.write("EVAL", REPLACE, 1, full_key, content, self.client.encode(value)):
                return value
        raise RedisTimeoutError(f"{key!r} was changed by others in each of {REPLACE_ATTEMPTS} attempts to add to it.")

    async def adecr(self, key: str, delta: Any = 1, version: int | None = None) -> Any:
        return await self.aincr(key, -delta, version)

    async def aincr_version(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Move the value and its lifetime. Returns the new version. Raises ValueError for a missing key."""
        version = self.version if version is None else version
        old = self.full_key(key, version)
        new = self.full_key(key, version + delta)
        try:
            moved = await (self._move_between_slots(old, new) if self.servers[0].cluster else self._rename(old, new))
        except FAILURES as error:
            return self._ignore(error, None)  # type: ignore[return-value]  # as in django-redis
        if not moved:
            raise missing(key)
        return version + delta

    async def _rename(self, old: str, new: str) -> bool:
        try:
            await self.write("RENAME", old, new)
        except ResponseError as error:
            if "no such key" not in str(error):
                raise
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

    # --- commands, for the engine too ---------------------------------------------------------------

    def full_key(self, key: str, version: int | None) -> str:
        return str(self.client.make_key(key, version))

    def compress(self, content: bytes) -> bytes:
        """Compress bytes that need no serializer."""
        return self.client._compressor.compress(content)  # type: ignore[no-any-return]

    def decompress(self, content: bytes) -> bytes:
        """The inverse of `compress`. Returns bytes that cannot be decompressed as they are."""
        try:
            return self.client._decompress(content)  # type: ignore[no-any-return]
        except Exception:
            # A compressor may raise any error. The decoder then finds that these bytes are no entry.
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
