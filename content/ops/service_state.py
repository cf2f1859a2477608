"""The state of the service now: queues, jobs, outbox, workers, Redis. Each measurement has a bounded time."""

import asyncio
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.cache import caches
from django.utils import timezone
from redis import Redis

from content.caching.backends import RedisCache
from content.caching.backends.server import Server
from content.caching.engines import engine_of, log_server
from content.caching.watch.models import WatchedChange
from content.ops.health import CachedResult, redis_client
from content.ops.task_queues import BY_LABEL, keys_of
from content.ops.worker_reports import JobRun, read_heartbeat_age, read_runs
from content.warming.state import ALIAS

T = TypeVar("T")

# Seconds that a measurement may take, and for which it is kept.
LONGEST, CACHE_SECONDS = 0.6, 2.0
# Rows of the outbox that are counted.
MOST_ROWS = 10_000


class RedisState(NamedTuple):
    """`limit`: 0 for none."""

    bytes: int
    limit: int
    evicted: int


class Outbox(NamedTuple):
    rows: int
    oldest_seconds: float


class State(NamedTuple):
    """None for what is not known."""

    queues: Mapping[str, int] | None
    backlog: int | None
    jobs: Mapping[str, JobRun] | None
    outbox: Outbox | None
    heartbeat_age: float | None
    redis: RedisState | None


async def read_state() -> State:
    """All at once, within LONGEST."""
    found: list[Any] = await asyncio.gather(*(within_bound(measure) for measure in MEASUREMENTS))
    return State(*found)


async def within_bound(measurement: CachedResult[T]) -> T | None:
    """The result. None after an error, and after LONGEST seconds; the next caller then waits for the same one."""
    try:
        return await asyncio.wait_for(measurement.get(), LONGEST)
    except Exception:
        # Whatever is down shows in the metric of its name.
        return None


# --- measurements -----------------------------------------------------------------------------------------


async def read_queues() -> dict[str, int]:
    url = settings.CELERY_BROKER_URL
    if not url.startswith(("redis://", "rediss://")):
        return {}
    return await sync_to_async(_read_queues, thread_sensitive=False)(_broker_client(url))


def _read_queues(client: Redis) -> dict[str, int]:
    prefix = settings.CACHES["default"].get("KEY_PREFIX") or "evergreen"
    lengths = dict[str, int]()
    for label in BY_LABEL:
        pipeline = client.pipeline(transaction=False)
        for key in keys_of(label, prefix):
            pipeline.llen(key)
        lengths[label] = sum(length for length in pipeline.execute(raise_on_error=False) if isinstance(length, int))
    return lengths


@lru_cache(1)
def _broker_client(url: str) -> Redis:
    return Redis.from_url(url, socket_timeout=LONGEST, socket_connect_timeout=LONGEST)


async def read_backlog() -> int | None:
    engine = engine_of(ALIAS)
    queues = [queue for queue in (engine.refresher.queue, engine.page_queue) if queue is not None]
    return sum([await queue.count() for queue in queues]) if queues else None


async def read_outbox() -> Outbox:
    # Where loads run: a request's own thread would open a connection for each call.
    return await engine_of(ALIAS).loop_state().executor.run(lambda: sync_to_async(_read_outbox)())


def _read_outbox() -> Outbox:
    """Rows that no log has."""
    waiting = WatchedChange.objects.filter(epoch="").order_by("id").values_list("created_at", flat=True)
    times = list(waiting[:MOST_ROWS])
    oldest = (timezone.now() - min(times)).total_seconds() if times else 0.0
    return Outbox(len(times), max(0.0, oldest))


async def read_redis() -> RedisState:
    client = _info_client(_cache_server())
    return await sync_to_async(_read_redis, thread_sensitive=False)(client)


def _read_redis(client: Any) -> RedisState:
    """Of a cluster the sums of its masters."""
    nodes = [client]
    if hasattr(client, "get_primaries"):
        nodes = [client.get_redis_connection(node) for node in client.get_primaries()]
    infos = [node.info() for node in nodes]
    used, limit, evicted = (
        sum(int(info.get(name, 0)) for info in infos) for name in ("used_memory", "maxmemory", "evicted_keys")
    )
    return RedisState(used, limit, evicted)


def _cache_server() -> Server | None:
    cached = caches[ALIAS]
    return cached.servers[0] if isinstance(cached, RedisCache) else log_server(ALIAS)


@lru_cache(1)
def _info_client(server: Server | None) -> Any:
    return redis_client(settings.REDIS_URL) if server is None else server.sync_client()


MEASUREMENTS: tuple[CachedResult[Any], ...] = (
    CachedResult(read_queues, CACHE_SECONDS),
    CachedResult(read_backlog, CACHE_SECONDS),
    CachedResult(read_runs, CACHE_SECONDS),
    CachedResult(read_outbox, CACHE_SECONDS),
    CachedResult(read_heartbeat_age, CACHE_SECONDS),
    CachedResult(read_redis, CACHE_SECONDS),
)
