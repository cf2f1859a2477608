"""The points of the last hour in Redis, where a worker records them."""

import time

import msgspec
from redis.exceptions import ResponseError

from content.caching.backends.client import is_wrong_type
from content.caching.errors import Unreadable
from content.caching.metrics.events import emit
from content.caching.serializer import decode
from content.ops.points import EVERY, MOST, Point
from content.ops.state.site_redis import Execute

# Bytes of a point, and seconds after the last one when the list expires.
LARGEST_POINT, EXPIRES = 64 * 1024, 2 * 3600

_points = msgspec.json.Decoder(Point)


async def read_points(execute: Execute, prefix: str) -> list[Point]:
    """Those of the last hour. Other values are left out and counted. Raises RedisError or OSError."""
    now, points = time.time(), list[Point]()
    for content in await execute("LRANGE", f"{prefix}:history", -MOST, -1):
        point = _read_point(content)
        if point is not None and now - EVERY * MOST <= point.at <= now + EVERY:
            points.append(point)
    return points


def _read_point(content: bytes) -> Point | None:
    try:
        if len(content) <= LARGEST_POINT:
            return decode(_points.decode, content)
    except Unreadable:
        pass
    emit("unreadable", "live", tier="history")
    return None


async def store_point(execute: Execute, prefix: str, point: Point) -> None:
    """Raises RedisError or OSError."""
    key = f"{prefix}:history"
    try:
        await execute("RPUSH", key, msgspec.json.encode(point))
    except ResponseError as error:
        if not is_wrong_type(error):
            raise
        # Something else wrote there. Left alone, it would keep points out for ever.
        await execute("UNLINK", key)
        return
    await execute("LTRIM", key, -MOST, -1)
    await execute("EXPIRE", key, EXPIRES)
