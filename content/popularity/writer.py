"""Writes views from the stream to the database, each record once.

The cursor moves in the transaction that adds the counts, so that they agree whenever a worker dies:

1. Before the commit nothing has changed: the records are read again.
2. After it the cursor is past them, whether or not the stream was trimmed.
3. Two workers may run at once: the second waits for the cursor's row, and then reads its new value.
"""

import math
from collections.abc import Mapping
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from redis import Redis

from content.models import Post, PostViews, ViewCursor
from content.popularity import stream

RECORDS_A_BATCH = 500
HALF_LIFE = 6 * 3600.0


def write_views() -> int:
    """Write all views in the stream, one transaction a batch. Returns the number of views written."""
    written = 0
    with Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=5) as client:
        while (batch := write_batch(client)) is not None:
            written += batch
    return written


def write_batch(client: Redis) -> int | None:
    """Returns the number of views written; None if the stream has no more."""
    with transaction.atomic():
        cursor = lock_cursor()
        start = find_start(client, cursor)
        views, last_id = stream.read_after(client, start, RECORDS_A_BATCH)
        if last_id == start:
            return None
        written = add_views(views, timezone.now())
        cursor.last_id = last_id
        cursor.save(update_fields=["last_id"])
    stream.trim(client, last_id)
    return written


def lock_cursor() -> ViewCursor:
    name = stream.stream_name()
    ViewCursor.objects.get_or_create(stream=name)
    return ViewCursor.objects.select_for_update().get(stream=name)


def find_start(client: Redis, cursor: ViewCursor) -> stream.RecordId:
    """The cursor, or the beginning if the stream restarted below it: Redis lost its data, or its clock went back."""
    newest = stream.newest_id(client)
    has_restarted = stream.parse_id(newest) < stream.parse_id(cursor.last_id)
    return "0-0" if has_restarted else cursor.last_id


def add_views(views: Mapping[int, int], now: datetime) -> int:
    """Add views to their posts. Views of deleted posts are dropped."""
    posts = set(Post.objects.filter(pk__in=list(views)).values_list("pk", flat=True))
    rows = PostViews.objects.in_bulk(posts)
    for pk in posts:
        row = rows.setdefault(pk, PostViews(post_id=pk, heat=-math.inf))
        row.total += views[pk]
        row.heat = add_heat(row.heat, views[pk], now.timestamp())
        row.last_viewed_at = now
    PostViews.objects.bulk_create(
        rows.values(),
        update_conflicts=True,
        unique_fields=["post"],
        update_fields=["total", "heat", "last_viewed_at"],
    )
    return sum(views[pk] for pk in posts)


def add_heat(heat: float, views: int, now: float) -> float:
    """log2(2^heat + views x 2^(now / half-life)), computed without the large powers."""
    added = math.log2(views) + now / HALF_LIFE
    high, low = max(heat, added), min(heat, added)
    return high + math.log2(1 + 2 ** (low - high)) if low > -math.inf else high
