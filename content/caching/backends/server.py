"""A Redis server and how to connect to it: standalone, behind Sentinel, or a cluster."""

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

from .endpoint import Endpoint, endpoint_of, login_of, open_protocol
from .protocol import Command, RedisProtocol

_SENTINEL_SCHEMES = ("redis+sentinel", "rediss+sentinel")
_CLUSTER_SCHEMES = ("redis+cluster", "rediss+cluster")
_DEFAULT_CONNECTIONS = 64
_SENTINEL_PORT = 26379


@dataclass(frozen=True)
class Server:
    """Address, login and options. Equal values share connections.

    Times are in seconds. `retries`: attempts after the first, with exponential pauses up to 0.1 s.
    """

    url: str
    sentinels: tuple[tuple[str, int], ...] = ()
    cluster: bool = False
    username: str | None = None
    password: str | None = None
    connect_timeout: float | None = None
    timeout: float | None = None
    max_connections: int = _DEFAULT_CONNECTIONS
    retries: int = 1
    health_check_interval: float = 30.0

    async def connect(self) -> RedisProtocol:
        """Open a connection, log in and select the database. Raises OSError or RedisError."""
        async with asyncio.timeout(self.connect_timeout):
            endpoint = await self._locate()
            protocol = await open_protocol(endpoint, self.timeout)
            try:
                for command in endpoint.greeting:
                    await _execute(protocol, command)
            except BaseException:
                protocol.abort(ConnectionError("The login did not finish."))
                raise
        return protocol

    async def _locate(self) -> Endpoint:
        """The server's current address. Behind Sentinel that is the current master."""
        endpoint = endpoint_of(self.url, self.username, self.password)
        if not self.sentinels:
            return endpoint
        sentinel = Sentinel(self.sentinels, **self._sentinel_options())
        try:
            host, port = await sentinel.discover_master(endpoint.host)
        finally:
            for client in sentinel.sentinels:
                await client.aclose()
        return replace(endpoint, host=host, port=port)

    def client(self) -> Any:
        """Create a redis.asyncio client for the running loop."""
        if self.cluster:
            return RedisCluster.from_url(self.url, **self.client_options(), max_connections=self.max_connections)
        if self.sentinels:
            return Redis(connection_pool=self._sentinel_pool())
        pool = ConnectionPool.from_url(self.url, **self.client_options(), max_connections=self.max_connections)
        return Redis(connection_pool=pool)

    def sync_client(self) -> Any:
        """Create a redis client for the threads of this process."""
        arguments = self.client_options() | {
            "retry": SyncRetry(ExponentialWithJitterBackoff(base=0.01, cap=0.1), self.retries)
        }
        if self.cluster:
            return SyncCluster.from_url(self.url, **arguments)
        if not self.sentinels:
            return SyncRedis.from_url(self.url, **arguments)
        sentinel = SyncSentinel(self.sentinels, **self._sentinel_options())
        return sentinel.master_for(urlsplit(self.url).hostname, **arguments | self._login_options())

    def client_options(self) -> dict[str, Any]:
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

    def _sentinel_pool(self) -> SentinelConnectionPool:
        return SentinelConnectionPool(
            urlsplit(self.url).hostname,
            Sentinel(self.sentinels, **self._sentinel_options()),
            max_connections=self.max_connections,
            **self.client_options() | self._login_options(),
        )

    def _login_options(self) -> dict[str, Any]:
        return asdict(login_of(self.url, self.username, self.password)) | {"ssl": self.url.startswith("rediss")}

    def _sentinel_options(self) -> dict[str, Any]:
        """Timeouts for the sentinels themselves."""
        return {"socket_timeout": self.connect_timeout, "socket_connect_timeout": self.connect_timeout}


async def _execute(protocol: RedisProtocol, command: Command) -> None:
    """Await the answer. Raises the error that Redis answers, or the one that ended the connection."""
    answer = protocol.execute(*command)
    await asyncio.wait((answer, protocol.lost), return_when=asyncio.FIRST_COMPLETED)
    if not answer.done():
        raise protocol.lost.result()
    answer.result()


def server_of(url: str, options: Mapping[str, Any]) -> Server:
    """From a django-redis LOCATION and OPTIONS. The sync methods read the same ones."""
    pool = options.get("CONNECTION_POOL_KWARGS", {})
    return Server(
        url=url,
        sentinels=tuple((str(host), int(port)) for host, port in options.get("SENTINELS", ())),
        cluster=bool(options.get("CLUSTER")),
        username=options.get("USERNAME"),
        password=options.get("PASSWORD"),
        connect_timeout=options.get("SOCKET_CONNECT_TIMEOUT"),
        timeout=options.get("SOCKET_TIMEOUT"),
        max_connections=int(pool.get("max_connections", _DEFAULT_CONNECTIONS)),
        retries=int(options.get("RETRIES", 1)),
        health_check_interval=float(options.get("HEALTH_CHECK_INTERVAL", 30.0)),
    )


def location_and_options(url: str) -> tuple[str, dict[str, Any]]:
    """Split a URL into Django's LOCATION and the OPTIONS that it needs.

    redis://, rediss:// (TLS), unix://                                       (the URLs of redis-py)
    redis+sentinel://[user:password@]host[:port],host2[:port]/service/db     (rediss+sentinel:// with TLS)
    redis+cluster://[user:password@]host:port                                (rediss+cluster:// with TLS)
    """
    parts = urlsplit(url)
    if parts.scheme in _CLUSTER_SCHEMES:
        plain = parts._replace(scheme=parts.scheme.partition("+")[0]).geturl()
        return plain, {
            "CLUSTER": True,
            "CONNECTION_FACTORY": f"{__package__}.cluster.ClusterConnectionFactory",
        }
    if parts.scheme not in _SENTINEL_SCHEMES:
        return url, {}
    login, _, hosts = parts.netloc.rpartition("@")
    service, _, database = parts.path.strip("/").partition("/")
    if not service:
        raise ImproperlyConfigured("The Sentinel URL names no service. Write redis+sentinel://host:26379/service/0.")
    scheme = parts.scheme.partition("+")[0]
    location = f"{scheme}://{login + '@' if login else ''}{service}/{database or 0}"
    return location, {
        "SENTINELS": [_host_and_port(host) for host in hosts.split(",")],
        "CONNECTION_FACTORY": "django_redis.pool.SentinelConnectionFactory",
    } | dict(parse_qsl(parts.query))


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.partition(":")
    return host, int(port or _SENTINEL_PORT)
