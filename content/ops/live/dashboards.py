"""The live dashboards of this process: one sampler encodes each state once for all viewers."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import msgspec

from content.caching.edge.asgi import Receive
from content.ops.snapshot import Snapshot, take_snapshot

from .frame import Frame
from .viewer import REFUSED, Viewer

# Seconds between two states, and between two points of history; points in all: an hour.
INTERVAL, POINT_EVERY, MOST_POINTS = 1.0, 5.0, 720
# Viewers that are sent to in one turn of the event loop: readers of pages wait for it.
AT_ONCE = 32
PAUSE, RESUME = {"kind": "pause"}, {"kind": "resume"}


class Point(msgspec.Struct, frozen=True):
    at: float
    epoch: str
    counters: dict[str, float]
    gauges: dict[str, float]


class History(msgspec.Struct, frozen=True, tag_field="kind", tag="history"):
    points: list[Point]


class Dashboards:
    """While somebody watches, a task samples and sends."""

    def __init__(self, take: Callable[[], Awaitable[Snapshot]] = take_snapshot) -> None:
        self.take = take
        self.viewers: set[Viewer] = set()
        self.points: deque[Point] = deque(maxlen=MOST_POINTS)
        self.latest: Frame | None = None
        self.task: asyncio.Task[None] | None = None

    async def serve(self, viewer: Viewer, receive: Receive) -> None:
        """Until the viewer leaves."""
        viewer.line.write(Frame(msgspec.json.encode(History(list(self.points)))))
        self.viewers.add(viewer)
        if self.task is None or self.task.done():
            self.task = asyncio.ensure_future(self.run())
        try:
            while (message := await viewer.read(receive)) is not None:
                self.obey(viewer, message)
        finally:
            self.viewers.discard(viewer)

    def obey(self, viewer: Viewer, message: object) -> None:
        if message == PAUSE:
            viewer.is_paused, viewer.slot = True, None
        elif message == RESUME:
            viewer.is_paused = False
            viewer.offer(self.latest)
        else:
            viewer.close(REFUSED)

    async def run(self) -> None:
        while self.viewers:
            snapshot = await self.take()
            self.add_point(snapshot)
            self.latest = Frame(b'{"kind":"state",' + msgspec.json.encode(snapshot)[1:])
            await self.send(self.latest)
            await asyncio.sleep(INTERVAL)

    def add_point(self, snapshot: Snapshot) -> None:
        if not self.points or snapshot.at - self.points[-1].at >= POINT_EVERY:
            self.points.append(Point(snapshot.at, snapshot.epoch, snapshot.counters, snapshot.gauges))

    async def send(self, frame: Frame) -> None:
        for number, viewer in enumerate(list(self.viewers), 1):
            if not viewer.is_paused:
                viewer.offer(frame)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
