"""The Redis of the cache: whether it answers, its memory and evictions."""

import time
from functools import lru_cache
from typing import Any, NamedTuple

from asgiref.sync import sync_to_async
from django.core.cache import caches

from content.caching.backends import RedisCache
from content.caching.backends.server import Server
from content.caching.engines import log_server
from content.ops.state.cached_result import CACHE_SECONDS, CachedResult
from content.warming.state import ALIAS


class RedisState(NamedTuple):
    """A cluster has the sums of its masters; policy, version and age are those of the first.

    `limit`: 0 for none. `answered_in`: seconds.
    """

    bytes: int
    limit: int
    evicted: int
    expired: int
    clients: int
    commands_a_second: int
    up_seconds: int
    policy: str
    version: str
    answered_in: float


def server_of_cache() -> Server | None:
    """None for a site without Redis."""
    cache = caches[ALIAS]
    return cache.servers[0] if isinstance(cache, RedisCache) else log_server(ALIAS)


async def read_redis() -> RedisState | None:
    """None without Redis. Raises RedisError or OSError; ValueError for an answer that is none of Redis's."""
    server = server_of_cache()
    return None if server is None else await sync_to_async(_read_redis, thread_sensitive=False)(_client(server))


def _read_redis(client: Any) -> RedisState:
    began, nodes = time.perf_counter(), [client]
    if hasattr(client, "get_primaries"):
        nodes = [client.get_redis_connection(node) for node in client.get_primaries()]
    infos = [node.info() for node in nodes]
    answered_in = time.perf_counter() - began

    def total(name: str) -> int:
        return sum(int(info.get(name, 0)) for info in infos)

    return RedisState(
        bytes=total("used_memory"),
        limit=total("maxmemory"),
        evicted=total("evicted_keys"),
        expired=total("expired_keys"),
        clients=total("connected_clients"),
        commands_a_second=total("instantaneous_ops_per_sec"),
        up_seconds=int(infos[0].get("uptime_in_seconds", 0)),
        policy=str(infos[0].get("maxmemory_policy", "-")),
        version=str(infos[0].get("redis_version", "-")),
        answered_in=answered_in,
    )


@lru_cache(1)
def _client(server: Server) -> Any:
    return server.sync_client()


redis_state = CachedResult(read_redis, CACHE_SECONDS)
