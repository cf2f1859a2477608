"""Views counted in the memory of one process, so that no reader waits."""

import asyncio
import logging
from collections import Counter
from typing import Any

from django.conf import settings
from redis import asyncio as redis_asyncio

from content.popularity import stream

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0
LONGEST_WAIT = 60.0
# The most posts in the buffer. Further posts are not counted until Redis is back.
MOST_POSTS = 100_000


class ViewBuffer:
    """Counts, flushed about once a second by the event loop that counts them.

    A killed process loses the views of its last second. While Redis is down, counts are kept and sent later.
    """

    def __init__(self) -> None:
        self.views: Counter[int] = Counter()
        self.wait = FLUSH_SECONDS
        self.timer: asyncio.TimerHandle | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.client: redis_asyncio.Redis | None = None
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
            await stream.append(self.connect(), views)
        except Exception as error:
            self.views.update(views)
            self.wait = min(self.wait * 2, LONGEST_WAIT)
            logger.warning("Cannot send views to Redis (%s). %d views are kept; retrying.", error, self.views.total())
            self.schedule()
        else:
            self.wait = FLUSH_SECONDS

    def connect(self) -> Any:
        if self.client is None:
            self.client = redis_asyncio.Redis.from_url(
                settings.REDIS_URL,
                socket_timeout=settings.CACHE_TIMEOUT,
                socket_connect_timeout=settings.CACHE_TIMEOUT,
                max_connections=2,
            )
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
