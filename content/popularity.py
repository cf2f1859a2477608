"""Views of posts: counted in each process, collected in Redis, written to the database in batches, each view once.

count_view -> the process's buffer -> a stream in Redis, once a second -> PostViews

A record of the stream has the views that one process counted in about a second. The cursor of the database moves in
the transaction that adds the counts, so that they agree whenever a worker dies:

1. Before the commit nothing has changed: the records are read again.
2. After it the cursor is past them, whether or not the stream was trimmed.
3. Two workers may run at once: the second waits for the cursor's row, and then reads its new value.
"""

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from redis import Redis
from redis.exceptions import ResponseError

from content.caching.backends.client import is_wrong_type
from content.caching.backends.server import server_at
from content.caching.errors import Unreadable
from content.caching.serializer import decode
from content.models import Post, PostViews, ViewCursor

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0
LONGEST_WAIT = 60.0
# The most posts in the buffer. Further posts are not counted until Redis is back.
MOST_POSTS = 100_000
# At one record a process and second this is more than a day of twenty processes, in at most about 200 MB.
LONGEST_STREAM = 2_000_000
# In Redis's error, if the last id of the stream is the largest there is.
STREAM_IS_FULL = "exhausted the last possible ID"
PostId = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
# A process counts for about a second, or for as long as Redis is down.
Views = Annotated[int, msgspec.Meta(ge=1, le=10**9)]
encode_views = msgspec.msgpack.encode
views_decoder = msgspec.msgpack.Decoder(dict[PostId, Views])
RecordId = str
RECORDS_A_BATCH = 500
HALF_LIFE = 6 * 3600.0


class ViewBuffer:
    """Counts, flushed about once a second by the event loop that counts them.

    A killed process loses the views of its last second. While Redis is down, counts are kept and sent later.
    """

    def __init__(self) -> None:
        self.views: Counter[int] = Counter()
        self.wait = FLUSH_SECONDS
        self.timer: asyncio.TimerHandle | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.client: Any = None
        self.flushing: asyncio.Task[None] | None = None

    def add(self, post_id: int) -> None:
        if post_id not in self.views and len(self.views) >= MOST_POSTS:
            return
        self.views[post_id] += 1
        self.schedule()

    def schedule(self) -> None:
        loop = asyncio.get_running_loop()
        if loop is not self.loop:
            # The earlier event loop has ended, and its connection with it.
            self.loop, self.client, self.timer = loop, None, None
        if self.timer is None:
            self.timer = loop.call_later(self.wait, self.begin_flush)

    def begin_flush(self) -> None:
        self.timer = None
        self.flushing = asyncio.ensure_future(self.flush())

    async def flush(self) -> None:
        """Send the counts. After a failure keep them, and retry with backoff."""
        views, self.views = self.views, Counter()
        if not views:
            return
        try:
            await append_record(self.connect(), views)
        except Exception as error:
            self.views.update(views)
            self.wait = min(self.wait * 2, LONGEST_WAIT)
            logger.warning("Cannot send views to Redis (%s). %d views are kept; retrying.", error, self.views.total())
            self.schedule()
        else:
            self.wait = FLUSH_SECONDS

    def connect(self) -> Any:
        if self.client is None:
            self.client = server_at(settings.REDIS_URL, timeout=settings.CACHE_TIMEOUT, connections=2).client()
        return self.client

    async def close(self) -> None:
        """Send the remaining views, and close the connection."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self.views and self.loop is asyncio.get_running_loop():
            await self.flush()
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self.client is not None:
            await self.client.aclose()
            self.client = None


buffer = ViewBuffer()


def count_view(post_id: int) -> None:
    """One more view of that post. Call it on the event loop; it does no I/O."""
    buffer.add(post_id)


async def flush_views() -> None:
    """Send the last views at the end of a process."""
    await buffer.close()


def stream_name() -> str:
    return f"{settings.CACHES['default'].get('KEY_PREFIX') or 'evergreen'}:views"


async def append_record(client: Any, views: Mapping[int, int]) -> None:
    """Append a record. Delete a key of another type, or a stream without free ids, so that counting goes on."""
    record = {b"views": encode_views(dict(views))}
    try:
        await client.xadd(stream_name(), record, maxlen=LONGEST_STREAM, approximate=True)
    except ResponseError as error:
        if not is_wrong_type(error) and STREAM_IS_FULL not in str(error):
            raise
        await client.unlink(stream_name())
        await client.xadd(stream_name(), record, maxlen=LONGEST_STREAM, approximate=True)


def read_records(client: Any, last_id: RecordId, count: int) -> tuple[Counter[int], RecordId]:
    """The views of the next records, summed, and the id of the last of them."""
    views: Counter[int] = Counter()
    for record_id, fields in client.xrange(stream_name(), min=f"({last_id}", max="+", count=count):
        views.update(decode_views(fields.get(b"views", b"")))
        last_id = record_id.decode()
    return views, last_id


def decode_views(packed: bytes) -> dict[int, int]:
    """Decode a record. An unreadable one has no views, and does not block later ones."""
    try:
        return decode(views_decoder.decode, packed)
    except Unreadable:
        return {}


def newest_id(client: Any) -> RecordId:
    """The last id that the stream gave out; 0-0 if there is no stream. A key of another type is deleted."""
    if client.type(stream_name()) != b"stream":
        client.unlink(stream_name())
        return "0-0"
    return str(client.xinfo_stream(stream_name())["last-generated-id"].decode())


def trim_stream(client: Any, last_id: RecordId) -> None:
    """Drop records before `last_id`. That record stays, so that the stream never looks new."""
    client.xtrim(stream_name(), minid=last_id, approximate=False)


def parse_record_id(record_id: RecordId) -> tuple[int, int]:
    milliseconds, _, sequence = record_id.partition("-")
    return int(milliseconds), int(sequence or 0)


def write_views() -> int:
    """Write all views in the stream, one transaction a batch. Returns the number of views written."""
    written = 0
    with server_at(settings.REDIS_URL, timeout=5).sync_client() as client:
        while (batch := write_batch(client)) is not None:
            written += batch
    return written


def write_batch(client: Redis) -> int | None:
    """Returns the number of views written; None if the stream has no more."""
    with transaction.atomic():
        cursor = lock_cursor()
        start = find_start(client, cursor)
        views, last_id = read_records(client, start, RECORDS_A_BATCH)
        if last_id == start:
            return None
        written = add_views(views, timezone.now())
        cursor.last_id = last_id
        cursor.save(update_fields=["last_id"])
    trim_stream(client, last_id)
    return written


def lock_cursor() -> ViewCursor:
    name = stream_name()
    ViewCursor.objects.get_or_create(stream=name)
    return ViewCursor.objects.select_for_update().get(stream=name)


def find_start(client: Redis, cursor: ViewCursor) -> RecordId:
    """The cursor, or the beginning if the stream restarted below it: Redis lost its data, or its clock went back."""
    newest = newest_id(client)
    has_restarted = parse_record_id(newest) < parse_record_id(cursor.last_id)
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
