"""The Redis in which processes share states, points of history and editors: that of the invalidation log."""

from typing import Any, Protocol

from django.core.cache import caches

from content.caching.backends.connection import connection_to
from content.caching.engines import log_server

ALIAS = "default"


class Execute(Protocol):
    """Send a command to Redis. Raises RedisError or OSError."""

    async def __call__(self, *command: Any) -> Any: ...


def redis_of_site() -> tuple[Execute | None, str]:
    """How to send commands to the Redis of the log, None without one, and the beginning of our keys there."""
    server, prefix = log_server(ALIAS), f"{{{caches[ALIAS].key_prefix or 'cache'}:live}}"
    if server is None:
        return None, prefix

    async def execute(*command: Any) -> Any:
        return await connection_to(server).execute(*command)

    return execute, prefix
