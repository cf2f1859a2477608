"""Workers, their queues, and beat."""

from collections.abc import Iterator

from asgiref.sync import async_to_sync
from django.core.cache import caches
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper
from redis.exceptions import RedisError

from content.caching.backends import RedisCache
from content.ops.state.queues import count_tasks
from content.ops.state.worker_reports import SILENT_AFTER, read_heartbeats
from project.doctor.checks.database import UNREACHABLE
from project.doctor.checks.redis import servers
from project.doctor.finding import Finding, error, ok, skipped, warning
from project.doctor.read_only import missing_file, read_only_connection

# Tasks in one queue.
LONG_QUEUE = 1000
# Seconds since beat sent anything. Its shortest interval is five.
BEAT_SILENCE = 60


def check_workers() -> Iterator[Finding]:
    if not isinstance(caches["default"], RedisCache):
        yield skipped("Workers report to the cache, which is no Redis.")
        return
    try:
        age = async_to_sync(read_heartbeats)().worker
    except Exception:
        yield skipped("The cache does not answer; the finding of the category redis says why.")
        return
    if age <= SILENT_AFTER:
        yield ok(f"A worker reported {age:.0f} s ago.")
    else:
        yield error(
            f"No worker has reported for {SILENT_AFTER:.0f} s.",
            "Nothing is warmed, no CDN is purged, no mail is sent; readers' processes refresh what is stale.",
            "Start a worker: `celery -A workers worker`.",
        )


def check_queues() -> Iterator[Finding]:
    server = dict(servers()).get("broker")
    if server is None:
        yield skipped("The broker is no Redis, so that its queues are not counted.")
        return
    try:
        with server.sync_client() as client:
            lengths = count_tasks(client)
    except (RedisError, OSError):
        yield skipped("The broker does not answer; the finding of the category redis says why.")
        return
    long = {name: length for name, length in lengths.items() if length > LONG_QUEUE}
    for name, length in long.items():
        yield warning(
            f"{length:,} tasks wait in the queue {name}.",
            "Workers are too few, or stopped.",
            "Start more workers; `manage.py cache_stats` shows what they do.",
        )
    if not long:
        yield ok(f"{sum(lengths.values()):,} tasks wait in {len(lengths)} queues.")


def check_beat() -> Iterator[Finding]:
    """Compare the times that beat writes into its rows with the clock of this host."""
    if missing_file():
        yield skipped(UNREACHABLE)
        return
    try:
        with read_only_connection() as connection:
            waiting, paused, age = read_jobs(connection)
    except DatabaseError:
        yield skipped(UNREACHABLE)
        return
    if paused:
        yield warning(
            f"{paused} jobs of the schedule are paused.",
            "Beat does not send them.",
            "Resume them in the admin if nobody needs the pause.",
        )
    if waiting and (age is None or age > BEAT_SILENCE):
        yield error(
            f"Beat has sent nothing for {age:,.0f} s." if age is not None else "Beat has never sent a task.",
            "The nets under the workers' own work are missing: what a dead worker left waits.",
            "Start exactly one: `celery -A workers beat`.",
        )
    elif waiting:
        yield ok(f"Beat sent a task {max(0.0, age or 0.0):.0f} s ago.")
    elif not paused:
        yield warning("Beat has never run.", "Nothing is scheduled.", "Start exactly one: `celery -A workers beat`.")


def read_jobs(connection: BaseDatabaseWrapper) -> tuple[int, int, float | None]:
    """The number of active and of paused jobs, and the seconds since one was sent."""
    age = "(julianday('now') - julianday(max(last_sent_at))) * 86400"
    if connection.vendor == "postgresql":
        age = "extract(epoch FROM now() - max(last_sent_at))"
    counts = "count(*) FILTER (WHERE NOT paused), count(*) FILTER (WHERE paused)"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {counts}, {age} FROM content_scheduledjob")  # noqa: S608
        waiting, paused, seconds = cursor.fetchone()
    return waiting, paused, None if seconds is None else float(seconds)
