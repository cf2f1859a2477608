"""Views as a process counts them. Counting adds to a number in memory: no reader waits for it."""

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
# More posts than this between two flushes: the process is cut off from Redis, and new posts are not counted.
MOST_POSTS = 100_000


class ViewBuffer:
    """Counts, flushed about once a second by the event loop that counts them.

    A process that is killed loses the views of its last second. While Redis is away counts are kept, and
    sent when it is back.
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
            # A loop of before, and the connection that belonged to it, are gone.
            self.loop, self.client, self.timer = loop, None, None
        if self.timer is None:
            self.timer = loop.call_later(self.wait, self.begin_flush)

    def begin_flush(self) -> None:
        self.timer = None
        self.flushing = asyncio.ensure_future(self.flush())

    async def flush(self) -> None:
        """Send what was counted; keep it when that fails, and try less and less often."""
        views, self.views = self.views, Counter()
        if not views:
            return
        try:
            await stream.append(self.connected(), views)
        except Exception as error:
            self.views.update(views)
            self.wait = min(self.wait * 2, LONGEST_WAIT)
            logger.warning("%d views wait for Redis: %s", self.views.total(), error)
            self.schedule()
        else:
            self.wait = FLUSH_SECONDS

    def connected(self) -> Any:
        if self.client is None:
            self.client = redis_asyncio.Redis.from_url(
                settings.REDIS_URL,
                socket_timeout=settings.CACHE_TIMEOUT,
                socket_connect_timeout=settings.CACHE_TIMEOUT,
                max_connections=2,
            )
        return self.client

    async def close(self) -> None:
        """Send the rest, and close the connection."""
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
    """For the end of a process."""
    await buffer.close()
