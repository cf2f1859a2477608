"""The outbox: changes that wait for the invalidation log, and those that were set aside."""

import time
from typing import NamedTuple

from django.db.models import Count, Q
from django.utils import timezone

from content.caching.watch.models import WatchedChange
from content.ops.state.cached_result import CACHE_SECONDS, CachedResult
from content.ops.state.database import query

# Rows of the outbox that are counted.
MOST_ROWS = 10_000


class Outbox(NamedTuple):
    """`rows`: of no log yet, MOST_ROWS at most. `failed`: set aside. `answered_in`: seconds the database took."""

    rows: int
    oldest_seconds: float
    failed: int
    answered_in: float


async def read_outbox() -> Outbox:
    """Raises errors of the database."""
    return await query(_read_outbox)


def _read_outbox() -> Outbox:
    began = time.perf_counter()
    waiting = WatchedChange.objects.filter(epoch="").order_by("id").values_list("created_at", flat=True)
    times = list(waiting[:MOST_ROWS])
    oldest = (timezone.now() - min(times)).total_seconds() if times else 0.0
    failed = WatchedChange.objects.aggregate(failed=Count("pk", filter=~Q(failure="")))["failed"]
    return Outbox(len(times), max(0.0, oldest), failed, time.perf_counter() - began)


outbox = CachedResult(read_outbox, CACHE_SECONDS)
