"""Where a Redis is and how it is reached, as one value: standalone, behind Sentinel, or a cluster."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.core.exceptions import ImproperlyConfigured
from redis import Redis as SyncRedis
from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.connection import ConnectionPool
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import ExponentialWithJitterBackoff
from redis.cluster import RedisCluster as SyncCluster
from redis.retry import Retry as SyncRetry
from redis.sentinel import Sentinel as SyncSentinel

from content.caching.backends.place import Place, login_of, opened, place_of
from content.caching.backends.wire import Command, Wire

SENTINEL_SCHEMES = ("redis+sentinel", "rediss+sentinel")
CLUSTER_SCHEMES = ("redis+cluster", "rediss+cluster")
DEFAULT_CONNECTIONS = 64
SENTINEL_PORT = 26379


@dataclass(frozen=True)
class Server:
    """One value for each pool: what is equal shares connections.

    Times in seconds. `retries` are attempts after the first, with exponential, jittered pauses up to 0.1 s.
    """

    url: str
    sentinels: tuple[tuple[str, int], ...] = ()
    cluster: bool = False
    username: str | None = None
    password: str | None = None
    connect_timeout: float | None = None
    timeout: float | None = None
    max_connections: int = DEFAULT_CONNECTIONS
    retries: int = 1
    health_check_interval: float = 30.0

    async def connect(self) -> Wire:
        """A connection that is signed in and at its database. Raises OSError or RedisError."""
        async with asyncio.timeout(self.connect_timeout):
            place = await self.place()
            wire = await opened(place, self.timeout)
            try:
                for command in place.greeting:
                    await answered(wire, command)
            except BaseException:
                wire.cut(ConnectionError("not signed in"))
                raise
        return wire

    async def place(self) -> Place:
        """Where the server is now: with Sentinel, whichever is master at this moment."""
        place = place_of(self.url, self.username, self.password)
        if not self.sentinels:
            return place
        sentinel = Sentinel(self.sentinels, **self.reach())
        try:
            host, port = await sentinel.discover_master(place.host)
        finally:
            for client in sentinel.sentinels:
                await client.aclose()
        return replace(place, host=host, port=port)

    def client(self) -> Any:
        """A redis.asyncio client of the running loop's own."""
        if self.cluster:
            return RedisCluster.from_url(self.url, **self.arguments(), max_connections=self.max_connections)
        if self.sentinels:
            return Redis(connection_pool=self.sentinel_pool())
        pool = ConnectionPool.from_url(self.url, **self.arguments(), max_connections=self.max_connections)
        return Redis(connection_pool=pool)

    def sync_client(self) -> Any:
        """A redis client for threads, of this process's own."""
        arguments = self.arguments() | {
            "retry": SyncRetry(ExponentialWithJitterBackoff(base=0.01, cap=0.1), self.retries)
        }
        if self.cluster:
            return SyncCluster.from_url(self.url, **arguments)
        if not self.sentinels:
            return SyncRedis.from_url(self.url, **arguments)
        sentinel = SyncSentinel(self.sentinels, **self.reach())
        return sentinel.master_for(urlsplit(self.url).hostname, **arguments | self.login())

    def arguments(self) -> dict[str, Any]:
        given = {
            "username": self.username,
            "password": self.password,
            "socket_connect_timeout": self.connect_timeout,
            "socket_timeout": self.timeout,
        }
        return {name: value for name, value in given.items() if value is not None} | {
            "retry": Retry(ExponentialWithJitterBackoff(base=0.01, cap=0.1), self.retries),
            "health_check_interval": self.health_check_interval,
        }

    def sentinel_pool(self) -> SentinelConnectionPool:
        return SentinelConnectionPool(
            urlsplit(self.url).hostname,
            Sentinel(self.sentinels, **self.reach()),
            max_connections=self.max_connections,
            **self.arguments() | self.login(),
        )

    def login(self) -> dict[str, Any]:
        return asdict(login_of(self.url, self.username, self.password)) | {"ssl": self.url.startswith("rediss")}

    def reach(self) -> dict[str, Any]:
        """How the sentinels themselves are reached."""
        return {"socket_timeout": self.connect_timeout, "socket_connect_timeout": self.connect_timeout}


async def answered(wire: Wire, command: Command) -> None:
    """Raises what Redis says, and what ends the connection before it has said anything."""
    answer = wire.ask(*command)
    await asyncio.wait((answer, wire.lost), return_when=asyncio.FIRST_COMPLETED)
    if not answer.done():
        raise wire.lost.result()
    answer.result()


def server_of(url: str, options: Mapping[str, Any]) -> Server:
    """From a django-redis LOCATION and OPTIONS, which the sync side reads as well."""
    pool = options.get("CONNECTION_POOL_KWARGS", {})
    return Server(
        url=url,
        sentinels=tuple((str(host), int(port)) for host, port in options.get("SENTINELS", ())),
        cluster=bool(options.get("CLUSTER")),
        username=options.get("USERNAME"),
        password=options.get("PASSWORD"),
        connect_timeout=options.get("SOCKET_CONNECT_TIMEOUT"),
        timeout=options.get("SOCKET_TIMEOUT"),
        max_connections=int(pool.get("max_connections", DEFAULT_CONNECTIONS)),
        retries=int(options.get("RETRIES", 1)),
        health_check_interval=float(options.get("HEALTH_CHECK_INTERVAL", 30.0)),
    )


def location_and_options(url: str) -> tuple[str, dict[str, Any]]:
    """A URL as Django's LOCATION and what has to stand in OPTIONS for it.

    redis://, rediss:// (TLS), unix://            as redis-py takes them
    redis+sentinel://[user:password@]host[:port],host2[:port]/service/db     (rediss+sentinel:// with TLS)
    redis+cluster://[user:password@]host:port                                (rediss+cluster:// with TLS)
    """
    parts = urlsplit(url)
    if parts.scheme in CLUSTER_SCHEMES:
        plain = parts._replace(scheme=parts.scheme.partition("+")[0]).geturl()
        return plain, {
            "CLUSTER": True,
            "CONNECTION_FACTORY": "content.caching.backends.cluster.ClusterConnectionFactory",
        }
    if parts.scheme not in SENTINEL_SCHEMES:
        return url, {}
    login, _, hosts = parts.netloc.rpartition("@")
    service, _, database = parts.path.strip("/").partition("/")
    if not service:
        raise ImproperlyConfigured("A Sentinel URL names its service: redis+sentinel://host:26379/service/0.")
    scheme = parts.scheme.partition("+")[0]
    location = f"{scheme}://{login + '@' if login else ''}{service}/{database or 0}"
    return location, {
        "SENTINELS": [host_and_port(host) for host in hosts.split(",")],
        "CONNECTION_FACTORY": "django_redis.pool.SentinelConnectionFactory",
    } | dict(parse_qsl(parts.query))


def host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.partition(":")
    return host, int(port or SENTINEL_PORT)
