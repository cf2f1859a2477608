"""Queues: tasks of Celery, and stale entries and pages that wait for a refresh."""

import asyncio
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from asgiref.sync import sync_to_async
from django.conf import settings

from content.caching.backends.server import Server, server_at
from content.caching.engines import engine_of
from content.ops.state.cached_result import CACHE_SECONDS, LONGEST, CachedResult
from content.ops.state.task_queues import BY_LABEL, keys_of
from content.warming.state import ALIAS

# Schemes of brokers in Redis, as Celery names them.
REDIS_SCHEMES = ("redis", "rediss", "redis+socket", "redis+sentinel", "rediss+sentinel")


async def read_queues() -> dict[str, int]:
    """Tasks that wait, by the label of their queue. Empty without a broker in Redis. Raises RedisError or OSError."""
    client = _broker_client(settings.CELERY_BROKER_URL)
    return {} if client is None else await sync_to_async(count_tasks, thread_sensitive=False)(client)


def count_tasks(client: Any) -> dict[str, int]:
    """Tasks that wait, by the label of their queue. Raises RedisError or OSError."""
    prefix = settings.CACHES[ALIAS].get("KEY_PREFIX") or "evergreen"
    lengths = dict[str, int]()
    for label in BY_LABEL:
        pipeline = client.pipeline(transaction=False)
        for key in keys_of(label, prefix):
            pipeline.llen(key)
        lengths[label] = sum(length for length in pipeline.execute(raise_on_error=False) if isinstance(length, int))
    return lengths


@lru_cache(1)
def _broker_client(url: str) -> Any:
    server = server_of_broker(LONGEST)
    return None if server is None else server.sync_client()


def server_of_broker(timeout: float) -> Server | None:
    """None for a broker that is no Redis, and for a site that names no Redis. `timeout`: seconds of each response."""
    url = settings.CELERY_BROKER_URL
    is_default = url == settings.REDIS_URL and not settings.GIVEN_REDIS_URL
    if is_default or urlsplit(url).scheme not in REDIS_SCHEMES:
        return None
    return server_at(url.replace("redis+socket://", "unix://", 1), timeout=timeout)


async def read_backlog() -> int | None:
    """Entries and pages in the refresh queues of this release. None without queues. Raises RedisError or OSError."""
    engine = engine_of(ALIAS)
    queues = [queue for queue in (engine.refresher.queue, engine.page_queue) if queue is not None]
    return sum(await asyncio.gather(*(queue.count() for queue in queues))) if queues else None


queues = CachedResult(read_queues, CACHE_SECONDS)
backlog = CachedResult(read_backlog, CACHE_SECONDS)
