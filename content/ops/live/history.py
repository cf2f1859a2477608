"""The last hour of counters and gauges: recorded by one worker, so that a first viewer sees it."""

import asyncio
import logging
import time
from collections.abc import Iterable

import msgspec
from redis.exceptions import RedisError, ResponseError

from content.caching.backends.client import is_wrong_type
from content.caching.errors import Unreadable
from content.caching.metrics.events import emit
from content.caching.serializer import decode
from content.ops.snapshot import Snapshot, take_snapshot
from content.warming.ownership import Ownership
from content.warming.run_lease import lease_store

from .frame import Frame
from .state import Execute, redis_of_site

logger = logging.getLogger(__name__)

# Seconds between two points, and points in all: an hour.
EVERY, MOST = 5, 720
# Points that are older than so many seconds are sent thinned out: one in so many.
FULL_SECONDS, ONE_IN = 600.0, 6
# Bytes of a point, and seconds after the last one when the list expires.
LARGEST_POINT, EXPIRES = 64 * 1024, 2 * 3600
LEASE = "live:history"


class Point(msgspec.Struct, frozen=True):
    """`at`: Unix seconds. `epoch`: counters of another epoch have begun anew."""

    at: float
    epoch: str
    counters: dict[str, float]
    gauges: dict[str, float]

    @classmethod
    def of(cls, snapshot: Snapshot) -> "Point":
        return cls(snapshot.at, snapshot.epoch, snapshot.counters, snapshot.gauges)


_points = msgspec.json.Decoder(Point)


class History:
    """Encoded points by their number: that of the five seconds in which they were taken."""

    def __init__(self) -> None:
        self.points: dict[int, bytes] = {}
        self._frames: dict[int, Frame] = {}

    def add(self, point: Point) -> bool:
        """The first of each five seconds. Whether it was."""
        return self._add_all((point,))

    def extend(self, points: Iterable[Point]) -> None:
        self._add_all(points)

    def _add_all(self, points: Iterable[Point]) -> bool:
        new = {number: point for point in points if (number := int(point.at // EVERY)) not in self.points}
        if new:
            self.points |= {number: msgspec.json.encode(point) for number, point in new.items()}
            self.points = dict(sorted(self.points.items())[-MOST:])
            self._frames.clear()
        return bool(new)

    def frame(self, since: float = 0.0) -> Frame:
        """The message with the points after `since`. Viewers that come at once share it."""
        first = int(since // EVERY) + 1
        if first not in self.points:
            first = next((number for number in self.points if number >= first), max(self.points, default=0) + 1)
        if first not in self._frames:
            self._frames[first] = Frame(self._encode(first))
        return self._frames[first]

    def _encode(self, first: int) -> bytes:
        newest = max(self.points, default=0)
        full = newest - int(FULL_SECONDS // EVERY)
        chosen = [
            content
            for number, content in self.points.items()
            if number >= first and (number >= full or number % ONE_IN == 0)
        ]
        return b'{"kind":"history","points":[' + b",".join(chosen) + b"]}"


# --- in Redis ---------------------------------------------------------------------------------------------


async def read_points(execute: Execute, prefix: str) -> list[Point]:
    """Those of the last hour. What is no point is left out, and counted. Raises RedisError or OSError."""
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


async def record_history() -> None:
    """In every worker: the one that has the lease records. Runs until cancelled."""
    execute, prefix = redis_of_site()
    if execute is not None:
        await Ownership(lease_store(), LEASE).run(lambda: _record(execute, prefix))


async def _record(execute: Execute, prefix: str) -> None:
    while True:
        await asyncio.sleep(EVERY - time.time() % EVERY)
        try:
            await store_point(execute, prefix, Point.of(await take_snapshot()))
        except (RedisError, OSError) as error:
            logger.info("Cannot reach Redis to record a point of the dashboard's history; retrying: %s", error)
