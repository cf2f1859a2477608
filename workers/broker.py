"""Kombu's transport for Redis, which survives malformed messages and keys.

Two faults end a worker of kombu 5.7: a message that is no JSON object, and a key of an unexpected type. This
transport drops such a message, and deletes such a key when the worker connects again.

There is one for a single server, and one that finds the server through Sentinel.
"""

import logging
from dataclasses import dataclass, field
from queue import Empty
from typing import Any
from urllib.parse import urlsplit

from kombu.exceptions import KombuError
from kombu.transport import TRANSPORT_ALIASES, redis
from redis import Redis
from redis.exceptions import RedisError, ResponseError

from content.caching.backends.server import server_at
from workers.queues import IN_ORDER

logger = logging.getLogger(__name__)

EXCHANGES = (*IN_ORDER, "celeryev", "celery.pidbox", "reply.celery.pidbox")
TYPES = {
    "unacked": b"hash",
    "unacked_index": b"zset",
    "unacked_mutex": b"string",
    "_kombu.binding_deadlines": b"zset",
    **{f"_kombu.binding.{name}": b"set" for name in EXCHANGES},
    **{f"_kombu.binding_permanent.{name}": b"set" for name in EXCHANGES},
    # Each queue, and the same with a lower priority.
    **{
        f"{queue}{priority}": b"list"
        for queue in IN_ORDER
        for priority in ("", *(f"{redis.Channel.sep}{step}" for step in (3, 6, 9)))
    },
}
# Errors that kombu raises for a malformed message.
MALFORMED = (ValueError, TypeError, AttributeError, LookupError, RecursionError, KombuError)
LONGEST_REASON = 200
# Seconds. Without a limit, a host that does not respond blocks a worker for two minutes.
CONNECT_TIMEOUT = 5.0
SENTINEL_SCHEMES = ("redis+sentinel", "rediss+sentinel")


class QoS(redis.QoS):
    """Messages that were delivered and are not acknowledged yet."""

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        """Put the message back into its queue. A malformed one is dropped."""
        try:
            super().restore_by_tag(tag, client=client, leftmost=leftmost)
        except MALFORMED as error:
            report("an unacknowledged message", error)
            self._remove_from_indices(tag).execute()  # type: ignore[attr-defined]


class Surviving:
    """A mixin for the channels of kombu."""

    qos: Any

    def _brpop_read(self, **options: Any) -> Any:
        """Deliver a message. A malformed one is off the queue by then, and is acknowledged."""
        before = self.newest_delivered()
        try:
            return super()._brpop_read(**options)  # type: ignore[misc]  # of the channel
        except MALFORMED as error:
            report("a message", error)
            tag = self.newest_delivered()
            if tag != before:
                self.qos.reject(tag)
            raise Empty from error

    def newest_delivered(self) -> Any:
        return next(reversed(self.qos._delivered or {}), None)


class Channel(Surviving, redis.Channel):
    """A channel of one server."""

    QoS = QoS


class SentinelChannel(Surviving, redis.SentinelChannel):
    """A channel of the server that Sentinel names."""

    QoS = QoS


class Transport(redis.Transport):
    """After an error of Redis (a wrong type, no memory) a worker connects again instead of ending."""

    Channel: Any = Channel
    connection_errors = (*redis.Transport.connection_errors, ResponseError)

    def establish_connection(self) -> Any:
        connection = super().establish_connection()
        channel: Any = self._avail_channels[-1]  # type: ignore[attr-defined]
        try:
            heal(Redis(connection_pool=channel.pool), channel.global_keyprefix)
        except RedisError as error:
            logger.warning("The queue could not be checked: %s", error)
        return connection


class SentinelTransport(Transport):
    """Each connection asks the sentinels for the current master."""

    default_port = 26379
    Channel = SentinelChannel


@dataclass(frozen=True)
class BrokerServers:
    """A broker as kombu reads it: URLs, transport options, and the options of TLS for its `broker_use_ssl`."""

    url: str
    options: dict[str, Any] = field(default_factory=dict)
    tls: dict[str, Any] = field(default_factory=dict)

    def tls_settings(self) -> dict[str, Any]:
        """Celery's, for the broker and the results. Without TLS none: a rediss:// URL has its own."""
        return {"broker_use_ssl": self.tls, "redis_backend_use_ssl": self.tls} if self.tls else {}


def servers_of(url: str) -> BrokerServers:
    """redis+sentinel://login@host:26379,host2:26379/service/0 becomes one sentinel:// URL for each host, and the name
    of the service. Others stay as they are."""
    parts = urlsplit(url)
    if parts.scheme not in SENTINEL_SCHEMES:
        return BrokerServers(url)
    server = server_at(url, timeout=CONNECT_TIMEOUT)
    login, at, hosts = parts.netloc.rpartition("@")
    database = server.master_options()["db"]
    urls = ";".join(f"sentinel://{login}{at}{host}/{database}" for host in hosts.split(","))
    options = {"master_name": server.service, "sentinel_kwargs": server.sentinel_options()}
    if parts.scheme == "redis+sentinel":
        return BrokerServers(urls, options)
    given = {name: value for name, value in server.master_options().items() if name.startswith("ssl_")}
    return BrokerServers(urls, options, {"ssl_cert_reqs": "required"} | given)


def heal(client: Any, prefix: str) -> None:
    """Delete keys of the queue that kombu cannot read: a wrong type, a malformed member, a lock without a timeout."""
    pipe = client.pipeline(transaction=False)
    for name in TYPES:
        pipe.type(prefix + name)
    types: dict[str, bytes] = dict(zip(TYPES, pipe.execute(), strict=True))
    wrong = [name for name, kind in types.items() if kind not in (b"none", TYPES[name])]
    tables = [name for name, kind in types.items() if kind == TYPES[name] == b"set"]
    wrong += [name for name in tables if has_malformed_members(client, prefix + name)]
    if types["unacked_mutex"] == b"string" and client.ttl(prefix + "unacked_mutex") < 0:
        wrong.append("unacked_mutex")
    if {"unacked", "unacked_index"} & set(wrong):
        # Each is useless without the other.
        wrong = sorted({*wrong, "unacked", "unacked_index"})
    if wrong:
        client.delete(*(prefix + name for name in wrong))
        logger.warning(
            "Deleted keys of the task queue that no worker can read: %s. Tasks in them are lost; the schedule "
            "sends its tasks again. Check who else writes to this Redis.",
            ", ".join(map(repr, wrong)),
        )


def has_malformed_members(client: Any, key: str) -> bool:
    """Whether a member is no binding: routing key, pattern and queue."""
    separators = 0 if "permanent" in key else 2
    for member in client.sscan_iter(key):
        try:
            text = member.decode()
        except UnicodeDecodeError:
            return True
        if separators and text.count(redis.Channel.sep) != separators:
            return True
    return False


def report(what: str, error: Exception) -> None:
    reason = str(error)[:LONGEST_REASON]
    logger.warning("Dropped %s that is no task (%s: %r).", what, type(error).__name__, reason)


def install() -> None:
    """Use these transports in this process."""
    TRANSPORT_ALIASES["sentinel"] = f"{__name__}:SentinelTransport"
    TRANSPORT_ALIASES["redis"] = TRANSPORT_ALIASES["rediss"] = f"{__name__}:Transport"
