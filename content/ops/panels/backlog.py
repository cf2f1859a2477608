"""The backlog: stale entries, tasks of Celery, changes in the outbox, and invalidations that the CDN lacks."""

import asyncio
from datetime import datetime

from django.conf import settings
from django.db.models import Count, Min, Q
from django.utils import timezone
from redis import Redis

from content.caching.engines import engine_of
from content.caching.release import release_digest
from content.caching.watch.models import WatchedChange
from content.cdn.checkpoint import lag
from content.ops.health import redis_client
from content.ops.panels.invalidations import in_age
from content.ops.panels.panel import ALIAS, Reading, Row, Source, numbers, query, texts

COLUMNS = (*texts("Waiting"), *numbers("Number", "Oldest"), *texts("For"))
# The queues of Celery by their role. Each has a second one for tasks of this release.
QUEUES = {"refresh": "refresh", "default": "celery", "warm": "warm"}


async def read_backlog() -> Reading:
    """Raises RedisError or OSError."""
    refresh, queues, cdn = await asyncio.gather(
        count_refreshes(), asyncio.to_thread(count_tasks), asyncio.to_thread(lag)
    )
    gauges = {"backlog.refresh": float(refresh)} | {f"queue.{name}": float(count) for name, count in queues.items()}
    rows = [Row(("stale entries", f"{refresh:,}", "-", "a refresh by a worker"))]
    rows += [Row((f"tasks: {name}", f"{count:,}", "-", "a worker")) for name, count in queues.items()]
    if cdn is not None:
        gauges["cdn.lag_seconds"] = cdn
        rows.append(Row(("invalidations", "-", in_age(cdn), "the CDN to confirm")))
    return Reading(COLUMNS, tuple(rows), gauges=gauges)


async def count_refreshes() -> int:
    """Entries and pages in the refresh queues of this release."""
    engine = engine_of(ALIAS)
    queues = [queue for queue in (engine.refresher.queue, engine.page_queue) if queue is not None]
    return sum(await asyncio.gather(*(queue.count() for queue in queues)))


def count_tasks() -> dict[str, int]:
    """Empty if the broker is no Redis."""
    url = settings.CELERY_BROKER_URL
    if not url.startswith(("redis://", "rediss://")) or not settings.GIVEN_REDIS_URL:
        return {}
    client: Redis = redis_client(url)
    prefix = f"{settings.CACHES[ALIAS].get('KEY_PREFIX') or 'evergreen'}:queue:"
    with client.pipeline(transaction=False) as pipeline:
        for name in QUEUES.values():
            pipeline.llen(f"{prefix}{name}")
            pipeline.llen(f"{prefix}{name}.{release_digest()}")
        lengths = pipeline.execute()
    return {role: lengths[2 * index] + lengths[2 * index + 1] for index, role in enumerate(QUEUES)}


async def read_outbox() -> Reading:
    """Raises an error of the database."""
    waiting, oldest, failed = await query(count_changes)
    age = max(0.0, (timezone.now() - oldest).total_seconds()) if oldest is not None else 0.0
    gauges = {"outbox.rows": float(waiting), "outbox.oldest_seconds": age, "outbox.failed": float(failed)}
    rows = (
        Row(("changes", f"{waiting:,}", in_age(age) if waiting else "-", "the invalidation log")),
        Row(("changes set aside", f"{failed:,}", "-", "an operator"), state="bad" if failed else ""),
    )
    return Reading(COLUMNS, rows, gauges=gauges)


def count_changes() -> tuple[int, datetime | None, int]:
    """Rows that no log has, the time of the oldest, and rows that were set aside."""
    waiting = Q(epoch="")
    found = WatchedChange.objects.filter(waiting | ~Q(failure="")).aggregate(
        waiting=Count("pk", filter=waiting & Q(failure="")),
        oldest=Min("created_at", filter=waiting & Q(failure="")),
        failed=Count("pk", filter=~Q(failure="")),
    )
    return found["waiting"], found["oldest"], found["failed"]


backlog = Source("backlog", "Backlog", read_backlog)
outbox = Source("outbox", "Outbox of changes", read_outbox, seconds=2.0)
