"""A worker's sign of life: a time in the cache, that a web process can read."""

import time

from django.core.cache import cache

KEY = "worker:heartbeat"
EVERY = 5.0
# Missing for this long, a worker counts as gone.
SILENCE = 30


def beat() -> None:
    cache.set(KEY, time.time(), timeout=SILENCE)


async def is_heard() -> bool:
    return await cache.aget(KEY) is not None
