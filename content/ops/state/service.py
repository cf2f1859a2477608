"""The state of the service now: queues, jobs, outbox, workers, Redis, CDN. Each measurement has a bounded time."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from asgiref.sync import sync_to_async

from content.caching.engines import breakers_of_process
from content.cdn.checkpoint import lag
from content.models import ScheduledJob
from content.ops.state.cached_result import CACHE_SECONDS, CachedResult, within_bound
from content.ops.state.jobs import runs, schedule
from content.ops.state.outbox import Outbox, outbox
from content.ops.state.queues import backlog, queues
from content.ops.state.redis_server import RedisState, redis_state, server_of_cache
from content.ops.state.worker_reports import Heartbeats, JobRun, read_heartbeats

heartbeats = CachedResult(read_heartbeats, CACHE_SECONDS)
cdn_lag = CachedResult(sync_to_async(lag, thread_sensitive=False), CACHE_SECONDS)
MEASUREMENTS: tuple[CachedResult[Any], ...] = (
    *(queues, backlog, runs, schedule, outbox, heartbeats, redis_state, cdn_lag),
)


class State(NamedTuple):
    """None for what is not known. `has_redis`: whether the site uses one. `breakers`: open ones, by cache, here."""

    queues: Mapping[str, int] | None
    backlog: int | None
    runs: Mapping[str, JobRun] | None
    schedule: Sequence[ScheduledJob] | None
    outbox: Outbox | None
    heartbeats: Heartbeats | None
    redis: RedisState | None
    cdn_lag: float | None
    has_redis: bool = False
    breakers: Mapping[str, bool] = {}


async def read_state() -> State:
    """All at once, within LONGEST."""
    found: list[Any] = await asyncio.gather(*(within_bound(measurement) for measurement in MEASUREMENTS))
    return State(*found)._replace(has_redis=server_of_cache() is not None, breakers=breakers_of_process())


def forget() -> None:
    """The next reader measures anew."""
    for measurement in MEASUREMENTS:
        measurement.clear()
