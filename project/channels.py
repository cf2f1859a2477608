"""Django's CHANNEL_LAYERS: how processes tell each other of news on dashboards and of editors."""

from typing import Any
from urllib.parse import urlsplit

from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from content.caching.backends.server import location_and_options, server_of
from project.caches import is_redis

IN_MEMORY = "channels.layers.InMemoryChannelLayer"
IN_REDIS = "content.ops.live.redis_layer.RedisLayer"
# Messages of a process that wait, and seconds until they expire. They only say that there is something to look at.
CAPACITY, EXPIRES = 100, 10
# Seconds after which a process that died is no member of a group. One that lives enters again every ten.
MEMBER_SECONDS = 60
# Seconds for a response: the layer asks Redis to wait five seconds for a message.
TIMEOUT = 8.0


def channel_layers(url: str, prefix: str, connect_timeout: float) -> dict[str, Any]:
    """`url`: of a Redis, standalone or behind Sentinel. Without one, each process has a layer in its memory."""
    config = {"capacity": CAPACITY, "expiry": EXPIRES, "group_expiry": MEMBER_SECONDS}
    if not url:
        return {"default": {"BACKEND": IN_MEMORY, "CONFIG": config}}
    host = host_of(url, {"socket_connect_timeout": connect_timeout, "socket_timeout": TIMEOUT})
    return {"default": {"BACKEND": IN_REDIS, "CONFIG": {"hosts": [host], "prefix": f"{prefix}:channels", **config}}}


def choose_url(redis_url: str, cache_url: str) -> str:
    """A Redis that the site has anyway; empty for none, and for a cluster, which channels_redis does not know."""
    if redis_url:
        return redis_url
    return cache_url if is_redis(cache_url) and "cluster" not in urlsplit(cache_url).scheme else ""


def host_of(url: str, timeouts: dict[str, float]) -> dict[str, Any]:
    """The configuration that channels_redis takes."""
    location, options = location_and_options(url)
    if "SENTINELS" not in options:
        return {"address": location, **timeouts}
    server = server_of(location, options | {"SOCKET_CONNECT_TIMEOUT": timeouts["socket_connect_timeout"]})
    return {
        "sentinels": list(server.sentinels),
        "master_name": server.service,
        "sentinel_kwargs": server.sentinel_options(Retry(NoBackoff(), 0)),
        **{name: value for name, value in server.master_options().items() if value is not None},
        **timeouts,
    }
