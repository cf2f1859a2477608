"""The live dashboards of this process: each state is encoded once for all viewers.

One process samples for all and stores the state in Redis; the channel layer tells the others to look. While Redis is
down, or the state there is old, each process samples by itself. Without viewers nobody samples.
"""

import asyncio
import logging
import time
from typing import Any
from urllib.parse import parse_qs

import msgspec
from redis.exceptions import RedisError

from content.caching.edge.asgi import Receive
from content.ops import snapshot as snapshots
from content.ops.snapshot import Snapshot
from content.ops.state.site_redis import redis_of_site
from content.ops.state.stored_points import read_points

from .frame import Frame
from .history import History
from .layer import mailbox
from .state import LEASE, SharedState
from .viewer import REFUSED, Viewer

logger = logging.getLogger(__name__)

# Seconds between two states: more if the sending of one takes more than SHARE of the time of a core.
INTERVAL, LONGEST_INTERVAL, SHARE = 1.0, 10.0, 0.015
# Seconds between two states if something has happened.
SHORTEST_INTERVAL = 0.25
# Parts of the interval: in which the sampler's message or state must arrive, and between two looks without messages.
PATIENCE, POLL = 1.25, 0.5
# Seconds in which a snapshot must be taken.
TAKE_SECONDS = 5.0
# Viewers that are sent to in one turn of the event loop: readers of pages wait for it.
AT_ONCE = 32
# Messages of processes: there is a new state in Redis; something has happened that operators wait for.
STATE, LOOK = "state", "look"
PAUSE, RESUME = {"kind": "pause"}, {"kind": "resume"}


class Dashboards:
    """While somebody watches, a task gets the state and sends it."""

    def __init__(self) -> None:
        self.execute, self.prefix = redis_of_site()
        self.shared = SharedState(self.execute, self.prefix)
        self.viewers: set[Viewer] = set()
        self.history = History()
        self.filling: asyncio.Task[None] | None = None
        self.latest: Frame | None = None
        self.interval = INTERVAL
        # The time of the last state that was sent, and the message that came since.
        self.shown_at, self.message = 0.0, ""
        # Whether the sampler's messages arrive.
        self.is_told = True
        self.has_message = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    async def serve(self, viewer: Viewer, receive: Receive) -> None:
        """Serve the viewer until it leaves. `since` in its query: it has the points up to then."""
        await self.fill_history()
        viewer.offer(self.history.frame(_since(viewer)))
        if self.latest is not None:
            viewer.offer(self.latest)
        self.viewers.add(viewer)
        if self.task is None:
            mailbox().open(self.on_message)
            self.task = asyncio.ensure_future(self.run())
        try:
            while (message := await viewer.read(receive)) is not None:
                self.obey(viewer, message)
        finally:
            self.viewers.discard(viewer)
            if not self.viewers:
                await self.end()

    async def end(self) -> None:
        task, self.task, self.filling, self.latest = self.task, None, None, None
        if task is None:
            return
        mailbox().close(self.on_message)
        task.cancel()
        try:
            await self.shared.leave()
        except (RedisError, OSError) as error:
            logger.debug("The lease of the sampler ends by its timeout: %s", error)

    def obey(self, viewer: Viewer, message: object) -> None:
        if message == PAUSE:
            viewer.is_paused, viewer.slot, viewer.paused_at = True, None, self.shown_at
        elif message == RESUME:
            if viewer.is_paused:
                viewer.is_paused = False
                viewer.offer(self.history.frame(viewer.paused_at))
            self.on_message({"kind": LOOK})
        else:
            viewer.close(REFUSED)

    def on_message(self, message: dict[str, Any]) -> None:
        if message.get("kind") in (STATE, LOOK):
            # LOOK wins: an operator waits for it.
            self.message = self.message if self.message == LOOK else message["kind"]
            self.has_message.set()

    # --- the state ------------------------------------------------------------------------------------

    async def run(self) -> None:
        while True:
            began, is_announced = time.monotonic(), self.message == STATE
            self.message = ""
            self.has_message.clear()
            if any(not viewer.is_paused for viewer in self.viewers):
                try:
                    snapshot = await self.next_state(is_announced=is_announced)
                    if snapshot is not None:
                        await self.show(snapshot)
                except Exception:
                    # The loop goes on: without it no viewer would see anything again.
                    logger.exception("A state of the dashboard could not be made; retrying.")
            await self.wait(began)

    async def wait(self, began: float) -> None:
        """Wait until the next state is due.

        The others get a message of the sampler, and poll if the layer loses them.
        """
        seconds = self.interval * (1 if self.shared.is_sampler else PATIENCE if self.is_told else POLL)
        try:
            async with asyncio.timeout(max(0.0, began + seconds - time.monotonic())):
                await self.has_message.wait()
        except TimeoutError:
            self.is_told = False
            return
        self.is_told = self.is_told or self.message == STATE
        least = SHORTEST_INTERVAL if self.message == LOOK else self.interval * (2 - PATIENCE)
        await asyncio.sleep(max(0.0, began + least - time.monotonic()))

    async def next_state(self, *, is_announced: bool) -> Snapshot | None:
        """A state that was not shown yet: from Redis, or taken here. None if the sampler's next is about to come."""
        try:
            if is_announced or not await self.shared.lead(max(LEASE, 2.5 * self.interval)):
                state = await self.shared.read(within=2 * self.interval)
                if state is not None and state.at > self.shown_at:
                    return state
                if state is not None and time.time() - state.at < self.interval * PATIENCE:
                    return None
        except (RedisError, OSError) as error:
            logger.debug("Each process samples by itself, because Redis is down: %s", error)
            return await self.take()
        return await self.sample()

    async def take(self) -> Snapshot:
        async with asyncio.timeout(TAKE_SECONDS):
            return await snapshots.take_snapshot()

    async def sample(self) -> Snapshot:
        """Take a snapshot and share it."""
        snapshot = await self.take()
        try:
            await self.shared.store(msgspec.json.encode(snapshot))
        except (RedisError, OSError) as error:
            logger.debug("Others sample by themselves, because Redis is down: %s", error)
        else:
            await mailbox().announce(kind=STATE)
        return snapshot

    async def show(self, snapshot: Snapshot) -> None:
        self.shown_at = snapshot.at
        self.history.add(snapshot.point)
        head = b'{"kind":"state","every":%.3g,' % self.interval
        self.latest = Frame(head + msgspec.json.encode(snapshot)[1:])
        seconds = await self.send(self.latest)
        self.interval = min(max(INTERVAL, seconds / SHARE), LONGEST_INTERVAL)

    async def send(self, frame: Frame) -> float:
        """Returns the seconds of processor time."""
        seconds, viewers = 0.0, list(self.viewers)
        for first in range(0, len(viewers), AT_ONCE):
            began = time.thread_time()
            for viewer in viewers[first : first + AT_ONCE]:
                if not viewer.is_paused:
                    viewer.offer(frame)
            seconds += time.thread_time() - began
            await asyncio.sleep(0)
        return seconds

    # --- history --------------------------------------------------------------------------------------

    async def fill_history(self) -> None:
        """Once for all viewers. This process has only the points of the time in which somebody watched."""
        if self.filling is None:
            self.filling = asyncio.ensure_future(self._fill_history())
        await asyncio.shield(self.filling)

    async def _fill_history(self) -> None:
        if self.execute is None:
            return
        try:
            self.history.extend(await read_points(self.execute, self.prefix))
        except (RedisError, OSError) as error:
            logger.debug("The dashboard begins without history, because Redis is down: %s", error)


def _since(viewer: Viewer) -> float:
    """Unix seconds; 0 for no number."""
    try:
        return max(0.0, min(float(parse_qs(viewer.query.decode("latin-1"))["since"][0]), time.time()))
    except (KeyError, ValueError):
        return 0.0
