"""The address of a Redis server, the login, and how to connect."""

import asyncio
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from .protocol import Command, RedisProtocol

_DEFAULT_PORT = 6379


@dataclass(frozen=True)
class Endpoint:
    """A Unix socket (`path`), or a host and port, with or without TLS. `greeting`: the first commands."""

    host: str = ""
    port: int = _DEFAULT_PORT
    path: str = ""
    tls: ssl.SSLContext | None = None
    greeting: tuple[Command, ...] = ()


def endpoint_of(url: str, username: str | None, password: str | None) -> Endpoint:
    """Parse redis://, rediss:// or unix:// with redis-py's query parameters. The URL wins over the arguments."""
    parts = urlsplit(url)
    return Endpoint(
        host=unquote(parts.hostname or "127.0.0.1"),
        port=parts.port or _DEFAULT_PORT,
        path=unquote(parts.path) if parts.scheme == "unix" else "",
        tls=_tls_of(dict(parse_qsl(parts.query))) if parts.scheme == "rediss" else None,
        greeting=login_of(url, username, password).greeting(),
    )


@dataclass(frozen=True)
class Login:
    """User, password and database number."""

    username: str | None = None
    password: str | None = None
    db: int = 0

    def greeting(self) -> tuple[Command, ...]:
        commands: list[Command] = []
        if self.password:
            commands.append(("AUTH", self.username, self.password) if self.username else ("AUTH", self.password))
        if self.db:
            commands.append(("SELECT", self.db))
        return tuple(commands) or (("PING",),)


def login_of(url: str, username: str | None, password: str | None) -> Login:
    """Parse the login from the URL. The URL wins over the arguments."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    path = parts.path.strip("/") if parts.scheme != "unix" else ""
    return Login(
        username=query.get("username") or (unquote(parts.username) if parts.username else username),
        password=query.get("password") or (unquote(parts.password) if parts.password else password),
        db=int(query.get("db") or path or 0),
    )


def _tls_of(query: dict[str, str]) -> ssl.SSLContext:
    """`ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile`: paths. `ssl_cert_reqs`: required (default), optional or none."""
    context = ssl.create_default_context(cafile=query.get("ssl_ca_certs"))
    required = query.get("ssl_cert_reqs", "required")
    checked = query.get("ssl_check_hostname", "true").lower() not in ("false", "no", "0")
    context.check_hostname = checked and required == "required"
    context.verify_mode = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL}.get(required, ssl.CERT_REQUIRED)
    if "ssl_certfile" in query:
        context.load_cert_chain(query["ssl_certfile"], query.get("ssl_keyfile"))
    return context


async def open_protocol(endpoint: Endpoint, timeout: float | None) -> RedisProtocol:
    loop = asyncio.get_running_loop()
    if endpoint.path:
        _, protocol = await loop.create_unix_connection(lambda: RedisProtocol(timeout), endpoint.path)
        return protocol
    transport, protocol = await loop.create_connection(
        lambda: RedisProtocol(timeout), endpoint.host, endpoint.port, ssl=endpoint.tls
    )
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return protocol
