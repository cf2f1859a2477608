"""The last hour of counters and gauges: recorded by one worker, so that a first viewer sees it."""

import asyncio
import logging
import time
from collections.abc import Iterable

import msgspec
from redis.exceptions import RedisError

from content.ops.points import EVERY, MOST, Point
from content.ops.snapshot import take_snapshot
from content.ops.state.site_redis import Execute, redis_of_site
from content.ops.state.stored_points import store_point
from content.warming.ownership import Ownership
from content.warming.run_lease import lease_store

from .frame import Frame

logger = logging.getLogger(__name__)

# Points that are older than so many seconds are sent thinned out: one in so many.
FULL_SECONDS, ONE_IN = 600.0, 6
LEASE = "live:history"


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


async def record_history() -> None:
    """Every worker runs it until cancelled. The one that has the lease records."""
    execute, prefix = redis_of_site()
    if execute is not None:
        await Ownership(lease_store(), LEASE).run(lambda: _record(execute, prefix))


async def _record(execute: Execute, prefix: str) -> None:
    while True:
        await asyncio.sleep(EVERY - time.time() % EVERY)
        try:
            await store_point(execute, prefix, (await take_snapshot()).point)
        except (RedisError, OSError) as error:
            logger.info("Cannot reach Redis to record a point of the dashboard's history; retrying: %s", error)
