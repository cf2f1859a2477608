"""A Redis server and how to connect to it: standalone, behind Sentinel, or a cluster."""

import asyncio
import inspect
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.core.exceptions import ImproperlyConfigured
from redis import Redis as SyncRedis
from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.connection import ConnectionPool, RedisSSLContext, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.cluster import RedisCluster as SyncCluster
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry as SyncRetry
from redis.sentinel import Sentinel as SyncSentinel

from .protocol import Command, RedisProtocol

_SENTINEL_SCHEMES = ("redis+sentinel", "rediss+sentinel")
_CLUSTER_SCHEMES = ("redis+cluster", "rediss+cluster")
_DEFAULT_CONNECTIONS = 64
_DEFAULT_PORT = 6379
_SENTINEL_PORT = 26379
# Seconds; redis-py's own default.
_DEFAULT_TIMEOUT = 5.0

# Keys of CONNECTION_POOL_KWARGS that only the pools of the sync methods know.
_SYNC_ONLY = ("parser_class", "connection_class", "retry", "redis_connect_func", "credential_provider")


@dataclass(frozen=True)
class Server:
    """Address, login and options. Equal values share connections.

    Times are in seconds. `retries`: attempts after the first, with exponential pauses up to 0.1 s.
    `parameters`: further ones of redis-py's connections, as CONNECTION_POOL_KWARGS has them. Behind Sentinel, the
    host in `url` is the name of the service; `sentinel_username` and `sentinel_password` are those of the sentinels.
    """

    url: str
    sentinels: tuple[tuple[str, int], ...] = ()
    sentinel_username: str | None = None
    sentinel_password: str | None = field(default=None, repr=False)
    cluster: bool = False
    username: str | None = None
    password: str | None = None
    connect_timeout: float | None = None
    timeout: float | None = None
    max_connections: int = _DEFAULT_CONNECTIONS
    retries: int = 1
    health_check_interval: float = 30.0
    parameters: Mapping[str, Any] = field(default_factory=dict, compare=False)
    # Stands for `parameters` in comparisons.
    identity: str = ""

    @cached_property
    def _parameters(self) -> dict[str, Any]:
        """The parameters of redis-py's connections. As in redis-py, the URL wins over the rest."""
        given = {
            "username": self.username,
            "password": self.password,
            "socket_connect_timeout": self.connect_timeout,
            "socket_timeout": self.timeout,
            "health_check_interval": self.health_check_interval,
        }
        parameters = {name: value for name, value in given.items() if value is not None} | dict(self.parameters)
        return parameters | dict(parse_url(self.url))

    @property
    def ping_interval(self) -> float:
        """Seconds; 0: never."""
        return float(self._parameters["health_check_interval"])

    @cached_property
    def _tls(self) -> ssl.SSLContext | None:
        if not self._is_tls:
            return None
        given = {name.removeprefix("ssl_"): value for name, value in self._tls_options().items()}
        known = inspect.signature(RedisSSLContext).parameters
        if unknown := sorted(set(given) - set(known)):
            raise ImproperlyConfigured(
                f"The async methods do not know these TLS options: ssl_{', ssl_'.join(unknown)}."
            )
        defaults: dict[str, Any] = {"cert_reqs": "required", "check_hostname": True}
        return RedisSSLContext(**defaults | given).get()

    async def connect(self) -> RedisProtocol:
        """Open a connection, log in and select the database. Raises OSError or RedisError."""
        async with asyncio.timeout(self._parameters.get("socket_connect_timeout")):
            protocol = await self._open()
            try:
                for command in self._greeting():
                    await _execute(protocol, command)
            except BaseException:
                protocol.abort(ConnectionError("The login did not finish."))
                raise
        return protocol

    async def _open(self) -> RedisProtocol:
        loop, parameters = asyncio.get_running_loop(), self._parameters
        timeout = parameters.get("socket_timeout")
        if self.url.startswith("unix://"):
            _, protocol = await loop.create_unix_connection(lambda: RedisProtocol(timeout), parameters["path"])
            return protocol
        host, port = await self._locate()
        transport, protocol = await loop.create_connection(lambda: RedisProtocol(timeout), host, port, ssl=self._tls)
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (parameters.get("socket_keepalive_options") or {}).items():
            connection.setsockopt(socket.IPPROTO_TCP, name, value)
        return protocol

    async def _locate(self) -> tuple[str, int]:
        """The server's current host and port. Behind Sentinel that is the current master."""
        host, port = self._parameters.get("host", "127.0.0.1"), self._parameters.get("port", _DEFAULT_PORT)
        if not self.sentinels:
            return host, port
        sentinel = Sentinel(self.sentinels, sentinel_kwargs=self.sentinel_options(Retry(NoBackoff(), 0)))
        try:
            return await sentinel.discover_master(host)  # type: ignore[no-any-return]
        finally:
            for client in sentinel.sentinels:
                await client.aclose()

    def _greeting(self) -> list[Command]:
        """The first commands of a connection."""
        username, password, provider = (
            self._parameters.get(name) for name in ("username", "password", "credential_provider")
        )
        commands: list[Command] = []
        if provider is not None:
            commands.append(("AUTH", *provider.get_credentials()))
        elif password:
            commands.append(("AUTH", username, password) if username else ("AUTH", password))
        if name := self._parameters.get("client_name"):
            commands.append(("CLIENT", "SETNAME", name))
        if db := self._parameters.get("db"):
            commands.append(("SELECT", int(db)))
        return commands or [("PING",)]

    def client(self) -> Any:
        """Create a redis.asyncio client for the running loop."""
        if self.cluster:
            return RedisCluster.from_url(self.url, **self.client_options(), max_connections=self.max_connections)
        if self.sentinels:
            return Redis.from_pool(self._sentinel_pool())
        pool = ConnectionPool.from_url(self.url, **self.client_options(), max_connections=self.max_connections)
        return Redis.from_pool(pool)

    def sync_client(self) -> Any:
        """Create a redis client for the threads of this process."""
        arguments = self.client_options() | {"retry": sync_retry(self.retries)}
        if self.cluster:
            return SyncCluster.from_url(self.url, **arguments)
        if not self.sentinels:
            return SyncRedis.from_url(self.url, **arguments)
        sentinel = SyncSentinel(self.sentinels, sentinel_kwargs=self.sentinel_options())
        return sentinel.master_for(self.service, **arguments | self.master_options())

    def client_options(self) -> dict[str, Any]:
        """The options without those that the URL has: redis-py reads these itself."""
        address = parse_url(self.url)
        skipped = {*address, *_SYNC_ONLY, "max_connections", "path"}
        given = {name: value for name, value in self._parameters.items() if name not in skipped}
        if provider := self._parameters.get("credential_provider"):
            given["credential_provider"] = provider
        if not self._is_tls:
            given = {name: value for name, value in given.items() if not name.startswith("ssl_")}
        return given | {"retry": Retry(ExponentialWithJitterBackoff(base=0.01, cap=0.1), self.retries)}

    @property
    def service(self) -> str:
        """The name by which sentinels know the master."""
        return urlsplit(self.url).hostname or ""

    def _sentinel_pool(self) -> SentinelConnectionPool:
        return _SentinelPool(  # type: ignore[no-untyped-call]
            self.service,
            Sentinel(self.sentinels, sentinel_kwargs=self.sentinel_options(Retry(NoBackoff(), 0))),
            max_connections=self.max_connections,
            **self.client_options() | self.master_options(),
        )

    def master_options(self) -> dict[str, Any]:
        """Login, database and TLS of the URL, for a client behind Sentinel. Sentinels name host and port."""
        login = {name: self._parameters.get(name) for name in ("username", "password")}
        return login | {"db": self._parameters.get("db", 0), "ssl": self._is_tls} | self._tls_options()

    def sentinel_options(self, retry: Retry | SyncRetry | None = None) -> dict[str, Any]:
        """For connections to the sentinels themselves: a login of their own, and TLS as that of the server.

        `retry`: by default none, for sync clients. redis-py's own waits seconds before it asks the next sentinel.
        """
        seconds = self._parameters.get("socket_connect_timeout")
        login = {"username": self.sentinel_username, "password": self.sentinel_password}
        timeouts = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
        none = {"retry": retry or SyncRetry(NoBackoff(), 0)}
        return login | timeouts | none | {"ssl": self._is_tls} | self._tls_options()

    @property
    def _is_tls(self) -> bool:
        return self.url.startswith("rediss://")

    def _tls_options(self) -> dict[str, Any]:
        given = self._parameters.items() if self._is_tls else ()
        return {name: value for name, value in given if name.startswith("ssl_")}


class _SentinelPool(SentinelConnectionPool):
    """Closes its connections to the sentinels, too, which redis-py leaves to the garbage collector."""

    async def aclose(self) -> None:
        await super().aclose()
        for client in self.sentinel_manager.sentinels:
            await client.aclose()


async def _execute(protocol: RedisProtocol, command: Command) -> None:
    """Await the answer. Raises the error that Redis answers, or the one that ended the connection."""
    answer = protocol.execute(*command)
    await asyncio.wait((answer, protocol.lost), return_when=asyncio.FIRST_COMPLETED)
    if not answer.done():
        raise protocol.lost.result()
    answer.result()


def sync_retry(retries: int) -> SyncRetry:
    """After a timeout there is no retry: the caller has waited enough."""
    return SyncRetry(ExponentialWithJitterBackoff(base=0.01, cap=0.1), retries, (RedisConnectionError,))


def server_of(url: str, options: Mapping[str, Any]) -> Server:
    """The server that a LOCATION and OPTIONS of django-redis name. The sync methods read the same ones."""
    pool = dict(options.get("CONNECTION_POOL_KWARGS") or {})
    return Server(
        url=url,
        sentinels=tuple((str(host), int(port)) for host, port in options.get("SENTINELS", ())),
        sentinel_username=(options.get("SENTINEL_KWARGS") or {}).get("username"),
        sentinel_password=(options.get("SENTINEL_KWARGS") or {}).get("password"),
        cluster=bool(options.get("CLUSTER")),
        username=options.get("USERNAME"),
        password=options.get("PASSWORD"),
        connect_timeout=options.get("SOCKET_CONNECT_TIMEOUT", _DEFAULT_TIMEOUT),
        timeout=options.get("SOCKET_TIMEOUT", _DEFAULT_TIMEOUT),
        max_connections=int(pool.get("max_connections", _DEFAULT_CONNECTIONS)),
        retries=int(options.get("RETRIES", 1)),
        health_check_interval=float(options.get("HEALTH_CHECK_INTERVAL", 30.0)),
        parameters=pool,
        identity=identity_of(pool),
    )


def server_at(url: str, *, timeout: float, connections: int = _DEFAULT_CONNECTIONS) -> Server:
    """The server that a URL names, behind Sentinel too. `timeout`: seconds to connect, and for each response."""
    location, options = location_and_options(url)
    limits = {"SOCKET_TIMEOUT": timeout, "SOCKET_CONNECT_TIMEOUT": timeout}
    return server_of(location, limits | {"CONNECTION_POOL_KWARGS": {"max_connections": connections}} | options)


def identity_of(options: Mapping[str, Any]) -> str:
    """Equal for equal options; the values need not be hashable."""
    return repr(sorted(options.items(), key=lambda item: item[0]))


def location_and_options(url: str) -> tuple[str, dict[str, Any]]:
    """Split a URL into Django's LOCATION and the OPTIONS that it needs.

    redis://, rediss:// (TLS), unix://                                       (the URLs of redis-py)
    redis+sentinel://[user:password@]host[:port],host2[:port]/service/db     (rediss+sentinel:// with TLS for both)
        ?sentinel_username=…&sentinel_password=…                             (a login of the sentinels' own)
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
    login, at, hosts = parts.netloc.rpartition("@")
    service, _, database = parts.path.strip("/").partition("/")
    if not service:
        raise ImproperlyConfigured("The Sentinel URL names no service. Write redis+sentinel://host:26379/service/0.")
    query = dict(parse_qsl(parts.query))
    sentinel_login = {name: query.pop(f"sentinel_{name}", None) for name in ("username", "password")}
    scheme, options = parts.scheme.partition("+")[0], f"?{urlencode(query)}" if query else ""
    location = f"{scheme}://{login}{at}{service}/{database or 0}{options}"
    return location, {
        "SENTINELS": [_host_and_port(host) for host in hosts.split(",")],
        "SENTINEL_KWARGS": {name: value for name, value in sentinel_login.items() if value},
        "CONNECTION_FACTORY": f"{__package__}.client.OwnSentinelConnectionFactory",
    }


def _host_and_port(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    return parts.hostname or "", parts.port or _SENTINEL_PORT
