"""A worker's heartbeat: a time in the cache that web processes read."""

import time

from django.core.cache import cache

KEY = "worker:heartbeat"
# Seconds between two heartbeats.
INTERVAL = 5.0
# Seconds without a heartbeat after which the worker counts as down.
SILENCE = 30


def send_heartbeat() -> None:
    cache.set(KEY, time.time(), timeout=SILENCE)


async def is_worker_alive() -> bool:
    return await cache.aget(KEY) is not None
