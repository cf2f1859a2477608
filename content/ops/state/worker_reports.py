"""The reports of workers: that they are alive, and how the last run of each scheduled job ended."""

import math
import re
import time
from functools import lru_cache
from typing import Any, NamedTuple

from django.core.cache import cache, caches

from content.caching.backends.connection import connection_to
from content.caching.backends.server import Server
from content.caching.engines import log_server
from content.warming.state import ALIAS

# Bounds of what is read: names of jobs, and fields of the hash, two for each job.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9 _-]{0,49}")
_MOST_FIELDS = 200
# Seconds between two records of runs that ended alike.
RECORDED_EVERY = 1.0
# Seconds between two heartbeats.
HEARTBEAT_SECONDS = 5.0
# Seconds without one after which a worker, or beat, counts as down: as in deploy/prometheus/rules.yml.
SILENT_AFTER = 60.0
# Seconds for which the time of the last heartbeat is known.
_KEPT = 7 * 24 * 3600
WORKER, BEAT = "worker", "beat"
_SUCCEEDED, _FAILED = "succeeded", "failed"


class JobRun(NamedTuple):
    """`succeeded_at`: Unix seconds of the last success, None before it. `has_failed`: whether the last run failed."""

    succeeded_at: float | None
    has_failed: bool


def _key() -> str:
    return f"{{{caches[ALIAS].key_prefix or 'cache'}:jobs}}"


# For each job: whether the last run that this process has recorded succeeded, and when, by the monotonic clock.
_recorded: dict[str, tuple[bool, float]] = {}


def record_run(name: str, *, has_succeeded: bool) -> None:
    """Record the end of a run, of equal ones in this process one a second. Raises RedisError or OSError.

    No effect without a Redis.
    """
    server, now = log_server(ALIAS), time.monotonic()
    last, recorded_at = _recorded.get(name, (not has_succeeded, now))
    if server is None or (last == has_succeeded and now - recorded_at < RECORDED_EVERY):
        return
    fields: dict[str, Any] = {f"{name}|{_FAILED}": int(not has_succeeded)}
    if has_succeeded:
        fields[f"{name}|{_SUCCEEDED}"] = repr(time.time())
    _client(server).hset(_key(), mapping=fields)
    _recorded[name] = has_succeeded, now


@lru_cache(1)
def _client(server: Server) -> Any:
    """One for the process: a new connection for each task would take longer than most tasks."""
    return server.sync_client()


async def read_runs() -> dict[str, JobRun]:
    """The last runs by the name of the job, without entries of other programs. Raises RedisError or OSError."""
    server = log_server(ALIAS)
    if server is None:
        return {}
    connection = connection_to(server)
    if int(await connection.execute("HLEN", _key())) > _MOST_FIELDS:
        return {}
    flat = await connection.execute("HGETALL", _key())
    fields = _readable_fields(dict(zip(flat[::2], flat[1::2], strict=True)))
    names = {name for name, _ in fields}
    return {
        name: JobRun(fields.get((name, _SUCCEEDED)), bool(fields.get((name, _FAILED), 0))) for name in sorted(names)
    }


def _readable_fields(stored: dict[bytes, bytes]) -> dict[tuple[str, str], float]:
    fields = dict[tuple[str, str], float]()
    for field, value in stored.items():
        try:
            name, _, kind = field.decode().partition("|")
            number = float(value)
        except ValueError:
            continue
        if _NAME.fullmatch(name) and kind in (_SUCCEEDED, _FAILED) and 0 <= number < 1e11:
            fields[name, kind] = number
    return fields


def record_heartbeat(of: str = WORKER) -> None:
    """A worker, or beat, is alive. Raises the cache's errors."""
    cache.set(_heartbeat_key(of), time.time(), timeout=_KEPT)


class Heartbeats(NamedTuple):
    """Seconds since the last one of any worker, and of beat; infinite if none is known, as after a week."""

    worker: float
    beat: float


async def read_heartbeats() -> Heartbeats:
    """Raises the cache's errors."""
    return Heartbeats(*[_age_of(await cache.aget(_heartbeat_key(of))) for of in (WORKER, BEAT)])


def _age_of(at: object) -> float:
    return max(0.0, time.time() - at) if isinstance(at, int | float) and abs(at) < 1e11 else math.inf


def _heartbeat_key(of: str) -> str:
    return f"{of}:last-heartbeat"
