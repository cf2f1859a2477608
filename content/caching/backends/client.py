"""The encoding of values for Redis, and django-redis's sync client with it: unreadable bytes are a miss."""

import logging
from collections.abc import Iterable
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django_redis.client import DefaultClient
from django_redis.exceptions import CompressorError, ConnectionInterrupted
from django_redis.pool import ConnectionFactory
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.sentinel import Sentinel, SentinelConnectionPool

from .. import serializer
from ..compressor import decompressor_of
from ..errors import Unreadable
from ..serializer import MessagePackSerializer, decode
from .server import identity_of, server_of, sync_retry

logger = logging.getLogger("content.caching")

FAILURES = (RedisConnectionError, RedisTimeoutError, ResponseError, OSError)
INCR = "if redis.call('EXISTS', KEYS[1]) == 0 then return false end return redis.call('INCRBY', KEYS[1], ARGV[1])"
# Write a value unless it has changed since it was read. Its lifetime stays.
REPLACE = (
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end "
    "redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL') return 1"
)
# Delete a value that looks like the one that was read, by its length and first bytes: it may be large.
DISCARD = (
    "if redis.call('STRLEN', KEYS[1]) == tonumber(ARGV[1]) and redis.call('GETRANGE', KEYS[1], 0, 255) == ARGV[2] "
    "then return redis.call('UNLINK', KEYS[1]) end return 0"
)
# Writers of one number that may come between a read and its write, one after the other.
REPLACE_ATTEMPTS = 1000
# Redis counts up to this.
_INT64 = 2**63
# Different keys that are logged in the life of a process.
_MAX_LOGGED = 100
_logged_keys: set[str] = set()


class _OwnOptions:
    """Adds RETRIES and HEALTH_CHECK_INTERVAL to django-redis's factories of connections, and pools by all options.

    Django-redis has one pool for each URL, so that two aliases with different options would share one.
    """

    options: dict[str, Any]
    _pools: dict[str, Any]

    def make_connection_params(self, url: str) -> dict[str, Any]:
        params: dict[str, Any] = super().make_connection_params(url)  # type: ignore[misc]  # of the factory
        return params | {
            "retry": sync_retry(int(self.options.get("RETRIES", 1))),
            "health_check_interval": float(self.options.get("HEALTH_CHECK_INTERVAL", 30.0)),
        }

    def get_or_create_connection_pool(self, params: dict[str, Any]) -> Any:
        key = params["url"] + identity_of(self.options)
        if key not in self._pools:
            self._pools[key] = self.get_connection_pool(params)  # type: ignore[attr-defined]  # of the factory
        return self._pools[key]


class OwnConnectionFactory(_OwnOptions, ConnectionFactory):  # type: ignore[misc]  # django-redis has no types
    """The default of OPTIONS["CONNECTION_FACTORY"]."""


class OwnSentinelConnectionFactory(OwnConnectionFactory):
    """The default of OPTIONS["CONNECTION_FACTORY"] with SENTINELS, with the logins and TLS of the async methods."""

    def get_connection_pool(self, params: dict[str, Any]) -> SentinelConnectionPool:
        server = server_of(params["url"], self.options)
        sentinel = Sentinel(server.sentinels, sentinel_kwargs=server.sentinel_options())
        given = {name: value for name, value in params.items() if name != "url"}
        return SentinelConnectionPool(
            server.service, sentinel, **given | self.pool_cls_kwargs | server.master_options()
        )


class Client(DefaultClient):  # type: ignore[misc]  # django-redis has no types
    """A client for OPTIONS["CLIENT_CLASS"]. `encode` and `decode` serve the async methods too."""

    def __init__(self, server: Any, params: dict[str, Any], backend: Any) -> None:
        super().__init__(server, params, backend)
        own = type(self._serializer) is MessagePackSerializer
        self._loads = serializer.unpack if own else self._serializer.loads
        self._decompress = decompressor_of(self._compressor)

    def encode(self, value: Any, *, allow_int: bool = True) -> bytes | int:
        """Whole numbers of 64 bits stay text, for INCRBY. Raises TypeError for a value that cannot be stored."""
        if allow_int and type(value) is int and -_INT64 <= value < _INT64:
            return value
        return self._compressor.compress(self._serializer.dumps(value))  # type: ignore[no-any-return]

    def decode(self, value: bytes) -> Any:
        """Raises Unreadable, whatever the compressor and the serializer raise."""
        try:
            first = value[0]
            if first == 0x2D or 0x30 <= first <= 0x39:
                # A minus or a digit. MessagePack and compressed values begin with other bytes.
                return int(value)
            return self._loads(self._decompress(value))
        except CompressorError:
            return self._decode_uncompressed(value)
        except Unreadable:
            raise
        except Exception as error:
            raise Unreadable(f"{type(error).__name__}: {error}") from error

    def _decode_uncompressed(self, value: bytes) -> Any:
        """Decode a value that cannot be decompressed: it was small, or stored before there was a compressor."""
        return decode(self._loads, value)

    # --- sync methods -------------------------------------------------------------------------------

    def get(self, key: str, default: Any = None, version: int | None = None, client: Any = None) -> Any:
        if client is None:
            client = self.get_client(write=False)
        full_key = self.make_key(key, version)
        try:
            content = client.get(full_key)
        except FAILURES as error:
            if is_wrong_type(error):
                report_unreadable(full_key, str(error))
                return default
            raise ConnectionInterrupted(connection=client) from error
        if content is None:
            return default
        try:
            return self.decode(content)
        except Unreadable as error:
            self._discard(full_key, content, error)
            return default

    def get_many(self, keys: Iterable[str], version: int | None = None, client: Any = None) -> dict[str, Any]:
        wanted = {self.make_key(key, version): key for key in keys}
        if not wanted:
            return {}
        if client is None:
            client = self.get_client(write=False)
        try:
            contents = client.mget(*wanted)
        except FAILURES as error:
            raise ConnectionInterrupted(connection=client) from error
        found = {}
        for (full_key, key), content in zip(wanted.items(), contents, strict=True):
            if content is None:
                continue
            try:
                found[key] = self.decode(content)
            except Unreadable as error:
                self._discard(full_key, content, error)
        return found

    def set_many(
        self, data: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None, client: Any = None
    ) -> list[str]:
        """The keys that were not stored: none. Raises TypeError before it stores anything."""
        super().set_many(data, timeout, version, client)
        return []

    def incr_version(self, key: str, delta: int = 1, version: int | None = None, client: Any = None) -> int:
        """Move the value and its lifetime. Returns the new version. Raises ValueError for a missing key."""
        client = client or self.get_client(write=True)
        version = self._backend.version if version is None else version
        old, new = self.make_key(key, version), self.make_key(key, version + delta)
        try:
            if not self._options.get("CLUSTER"):
                client.rename(old, new)
            else:
                # RENAME works within one slot only.
                content, milliseconds = client.dump(old), client.pttl(old)
                if content is None:
                    raise missing(key)
                client.restore(new, max(milliseconds, 0), content, replace=True)
                client.delete(old)
        except FAILURES as error:
            if "no such key" in str(error):
                raise missing(key) from error
            raise ConnectionInterrupted(connection=client) from error
        return version + delta

    def _incr(
        self,
        key: str,
        delta: Any = 1,
        version: int | None = None,
        client: Any = None,
        ignore_key_check: bool = False,
    ) -> Any:
        """Raises ValueError for a key that is missing or unreadable."""
        if client is None:
            client = self.get_client(write=True)
        full_key = self.make_key(key, version)
        try:
            if type(delta) is not int:
                return self._add_and_replace(key, full_key, delta, client)
            try:
                if ignore_key_check:
                    return client.incrby(full_key, delta)
                answer = client.eval(INCR, 1, full_key, delta)
            except ResponseError as error:
                if is_wrong_type(error):
                    raise missing(key) from error
                answer = self._add_and_replace(key, full_key, delta, client)
        except FAILURES as error:
            raise ConnectionInterrupted(connection=client) from error
        if answer is None or answer is False:
            raise missing(key)
        return answer

    def _add_and_replace(self, key: str, full_key: str, delta: Any, client: Any) -> Any:
        """Add in Python what Redis cannot add: floats, large and other numbers."""
        for _ in range(REPLACE_ATTEMPTS):
            content = client.get(full_key)
            value = self.add_to(key, content, delta)
            if client.eval(REPLACE, 1, full_key, content, self.encode(value)):
                return value
        raise RedisTimeoutError(f"{key!r} was changed by others in each of {REPLACE_ATTEMPTS} attempts to add to it.")

    def add_to(self, key: str, content: bytes | None, delta: Any) -> Any:
        """The stored value plus `delta`. Raises ValueError for a key that is missing or unreadable."""
        if content is None:
            raise missing(key)
        try:
            return self.decode(content) + delta
        except Unreadable as error:
            report_unreadable(key, str(error))
            raise missing(key) from error

    def _discard(self, full_key: str, content: bytes, error: Unreadable) -> None:
        """Delete it, so that `add` can store again. If that fails, it stays a miss."""
        report_unreadable(full_key, str(error))
        try:
            self.get_client(write=True).eval(DISCARD, 1, full_key, *fingerprint(content))
        except FAILURES as failure:
            logger.debug("An unreadable value could not be deleted: %s", failure)


def missing(key: str) -> ValueError:
    return ValueError(f"Key {key!r} not found")


def fingerprint(content: bytes) -> tuple[int, bytes]:
    """The arguments of DISCARD."""
    return len(content), content[:256]


def is_wrong_type(error: Exception) -> bool:
    """Whether the key holds a list, a set or another structure of Redis."""
    return isinstance(error, ResponseError) and "WRONGTYPE" in str(error)


def report_unreadable(key: str, reason: str) -> None:
    """Log the key once in the life of the process, and at most 100 keys."""
    if key in _logged_keys or len(_logged_keys) >= _MAX_LOGGED:
        return
    _logged_keys.add(key)
    logger.warning(
        "The cached value of %r cannot be read, so it counts as missing and will be stored again (%s). "
        "It was damaged, or written by another program or release.",
        key[:200],
        reason[:200],
    )
