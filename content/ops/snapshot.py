"""The snapshot: everything that the dashboard, its live viewers and the terminal show of one moment."""

import asyncio
import time
from collections import deque

import msgspec
from redis.exceptions import RedisError

from content.ops.attention import Verdict, judge
from content.ops.panels.backlog import backlog, outbox
from content.ops.panels.cache_events import events
from content.ops.panels.consistency import consistency
from content.ops.panels.failures import failures
from content.ops.panels.hottest import hottest
from content.ops.panels.invalidations import invalidations
from content.ops.panels.jobs import jobs
from content.ops.panels.orders import purges, runs
from content.ops.panels.panel import PATIENCE, Panel, Source
from content.ops.panels.processes import processes
from content.ops.panels.redis_server import redis_server
from content.ops.panels.requests import requests
from content.ops.panels.resources import costliest, resources
from content.ops.panels.services import services
from content.ops.panels.warming import coverage, loop, warm_returns
from content.ops.points import EVERY, Point, Window
from content.ops.state.site_redis import redis_of_site
from content.ops.state.stored_points import read_points
from content.ops.state.totals import read_totals

# In the order in which they are shown.
SOURCES: tuple[Source, ...] = (
    *(services, runs, purges, requests, resources, costliest, hottest, coverage, loop, warm_returns),
    *(invalidations, backlog, outbox, events, consistency, redis_server, processes, jobs, failures),
)
# Points that this process remembers, for rates over the last two minutes.
REMEMBERED = 24
# Seconds after which the points of this process are no beginning for a rate.
OLD = 60.0


class Snapshot(msgspec.Struct, frozen=True):
    """at: Unix seconds. `epoch` changes when the counters restart; within one they only grow."""

    at: float
    epoch: str
    counters: dict[str, float] = {}
    gauges: dict[str, float] = {}
    panels: dict[str, Panel] = {}
    verdict: Verdict = Verdict("well", "")

    @property
    def point(self) -> Point:
        return Point(self.at, self.epoch, self.counters, self.gauges)


# The points of the last two minutes in this process, for its rates.
recent: deque[Point] = deque(maxlen=REMEMBERED)


async def take_snapshot() -> Snapshot:
    """Read all panels at once. It takes PATIENCE at most; a panel that fails says so, and raises nothing."""
    epoch, readings, _ = await asyncio.gather(
        read_epoch(), asyncio.gather(*(source.read() for source in SOURCES)), fill_recent()
    )
    counters: dict[str, float] = {}
    gauges: dict[str, float] = {}
    for _, reading in readings:
        counters |= reading.counters
        gauges |= reading.gauges
    panels = {source.name: panel for source, (panel, _) in zip(SOURCES, readings, strict=True)}
    point = Point(time.time(), epoch, counters, finite(gauges))
    window = Window.of(Point(point.at, epoch, counters, gauges), list(recent))
    remember(point)
    return Snapshot(point.at, epoch, counters, point.gauges, panels, judge(window, panels))


async def read_epoch() -> str:
    """Empty if the sums cannot be read: then there are no counters of them either."""
    try:
        return (await asyncio.wait_for(read_totals(), PATIENCE)).epoch
    except Exception:
        return ""


async def fill_recent() -> None:
    """A process that has not looked for a while goes on from what the workers have recorded."""
    if recent and time.time() - recent[-1].at < OLD:
        return
    execute, prefix = redis_of_site()
    try:
        found = await asyncio.wait_for(read_points(execute, prefix), PATIENCE) if execute is not None else []
    except (RedisError, OSError, TimeoutError):
        return
    recent.extend(found[-REMEMBERED:])


def finite(gauges: dict[str, float]) -> dict[str, float]:
    """JSON has no infinity."""
    return {name: value for name, value in gauges.items() if abs(value) != float("inf")}


def remember(point: Point) -> None:
    if not recent or abs(point.at - recent[-1].at) >= EVERY:
        recent.append(point)


def window_of(snapshot: Snapshot) -> Window:
    """The rates up to this snapshot, as far as this process remembers."""
    return Window.of(snapshot.point, list(recent))
