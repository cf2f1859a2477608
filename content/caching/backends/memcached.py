"""Memcached for Django's cache API and for the engine, without pickle."""

import weakref
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.memcached import PyMemcacheCache

from .. import serializer
from ..compressor import ZstdCompressor
from ..errors import Unreadable
from ..serializer import decode
from .client import report_unreadable

P = ParamSpec("P")
T = TypeVar("T")

# The type of a value, in the flags that Memcached stores with it. Other clients mark pickles with 1.
_BYTES, _INTEGER, _PACKED, _COMPRESSED = 0, 2, 32, 64
# Bytes. Memcached's own limit is 1 MiB with the header, unless it was started with a larger -I.
_LARGEST = 1024 * 1024 - 1024

# Larger numbers are stored in binary: Python limits the digits that it reads as a number.
_LARGEST_TEXT = 2**64

_UNREADABLE = object()

_OWN_OPTIONS = ("LOG", "MEMORY", "HEAT", "COMPRESS_FROM", "LARGEST")


class _Serde:
    """Pymemcache's serializer: bytes and integers as they are, other values as MessagePack that keeps types."""

    def __init__(self, compressor: ZstdCompressor, largest: int) -> None:
        self._compressor = compressor
        self._largest = largest

    def serialize(self, key: Any, value: Any) -> tuple[bytes, int]:
        """Raises TypeError for values that would change their type, ValueError for values that are too large."""
        if type(value) is int and abs(value) < _LARGEST_TEXT:
            return str(value).encode(), _INTEGER
        content, flags = (value, _BYTES) if type(value) is bytes else (serializer.encode(value), _PACKED)
        compressed = self._compressor.compress(content)
        if compressed is not content:
            content, flags = compressed, flags | _COMPRESSED
        if len(content) > self._largest:
            raise ValueError(f"The value of {key!r} has {len(content)} bytes. LARGEST allows {self._largest} bytes.")
        return content, flags

    def deserialize(self, key: Any, value: bytes, flags: int) -> Any:
        """Return another client's values as bytes, never unpickled, and _UNREADABLE for what cannot be read."""
        try:
            return decode(lambda content: self._read(content, flags), value)
        except Unreadable as error:
            report_unreadable(str(key), str(error))
            return _UNREADABLE

    def _read(self, value: bytes, flags: int) -> Any:
        if flags & ~(_INTEGER | _PACKED | _COMPRESSED):
            return value
        if flags & _COMPRESSED:
            value = self._compressor.decompress(value)
        if flags & _INTEGER:
            return int(value)
        return serializer.unpack(value) if flags & _PACKED else value


class MemcachedCache(PyMemcacheCache):
    """A CACHES backend. OPTIONS are pymemcache's and two more, in bytes: COMPRESS_FROM and LARGEST.

    All threads share one pool of connections. The async methods run the sync ones in threads.
    """

    shares_connections = True

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        options = dict(params.get("OPTIONS") or {})
        serde = _Serde(ZstdCompressor(options), int(options.get("LARGEST", _LARGEST)))
        pymemcache = {name: value for name, value in options.items() if name not in _OWN_OPTIONS}
        # Seconds. A failed server is tried again after one.
        times = {"dead_timeout": 1, "connect_timeout": 1.0, "timeout": 1.0}
        defaults = {"use_pooling": True, "retry_attempts": 0, **times}
        super().__init__(server, {**params, "OPTIONS": {"serde": serde, **defaults, **pymemcache}})

    @cached_property
    def _cache(self) -> Any:
        client: Any = super()._cache  # type: ignore[misc]  # the stubs do not know it
        # Pymemcache's pools do not close themselves.
        weakref.finalize(self, client.disconnect_all)
        return client

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        value = super().get(key, default, version)
        if value is not _UNREADABLE:
            return value
        # `add` can then store again.
        self.delete(key, version)
        return default

    def get_many(self, keys: Iterable[str], version: int | None = None) -> dict[str, Any]:
        found = super().get_many(keys, version)
        return {key: value for key, value in found.items() if value is not _UNREADABLE}

    async def aget(self, key: str, default: Any = None, version: int | None = None) -> Any:
        return await _run_in_thread(self.get, key, default, version)

    async def aget_many(self, keys: Iterable[str], version: int | None = None) -> dict[str, Any]:
        return await _run_in_thread(self.get_many, list(keys), version)

    async def aset(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        await _run_in_thread(self.set, key, value, timeout, version)

    async def aset_many(
        self, data: Mapping[str, Any], timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> list[str]:
        return await _run_in_thread(self.set_many, dict(data), timeout, version)

    async def aadd(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return await _run_in_thread(self.add, key, value, timeout, version)

    async def atouch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return await _run_in_thread(self.touch, key, timeout, version)

    async def adelete(self, key: str, version: int | None = None) -> bool:
        return await _run_in_thread(self.delete, key, version)

    async def adelete_many(self, keys: Iterable[str], version: int | None = None) -> None:
        await _run_in_thread(self.delete_many, list(keys), version)

    async def aincr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        return await _run_in_thread(self.incr, key, delta, version)

    async def aclear(self) -> None:
        await _run_in_thread(self.clear)


async def _run_in_thread(method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return await sync_to_async(method, thread_sensitive=False)(*args, **kwargs)
