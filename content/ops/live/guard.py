"""The guard decides who gets a WebSocket of this process, how many, and for how long."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from .viewer import FORBIDDEN, Viewer
from .visitor import Visitor, find_expired, find_visitor

logger = logging.getLogger(__name__)

# Open WebSockets of a process and of one user, and visitors who are looked up.
MOST_OPEN, MOST_A_USER, MOST_LOOKUPS = 1000, 64, 256
# Seconds in which a visitor must be known, and between two checks whether visitors are still who they were.
LOOKUP_SECONDS, CHECK_EVERY = 5.0, 3.0


class Refusal(Exception):
    """A handshake that is refused, with the status of HTTP."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Guard:
    """A visitor is looked up once for all WebSockets of a session that open within CHECK_EVERY seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.open: set[Viewer] = set()
        self.users: Counter[int] = Counter()
        self.lookups: dict[str, asyncio.Task[Visitor | None]] = {}
        self.known: dict[str, tuple[float, Visitor]] = {}
        self.task: asyncio.Task[None] | None = None
        self.is_down = False

    async def identify(self, session: str) -> Visitor:
        """Raises Refusal."""
        if len(self.open) >= MOST_OPEN:
            raise Refusal(503)
        visitor = await self._look_up(session)
        if visitor is None:
            raise Refusal(403)
        if self.users[visitor.user] >= MOST_A_USER:
            raise Refusal(429)
        return visitor

    async def _look_up(self, session: str) -> Visitor | None:
        at, known = self.known.get(session, (float("-inf"), None))
        if known is not None and self.clock() - at < CHECK_EVERY:
            return known
        if session not in self.lookups:
            if len(self.lookups) >= MOST_LOOKUPS:
                raise Refusal(503)
            self.lookups[session] = asyncio.ensure_future(find_visitor(session))
            self.lookups[session].add_done_callback(lambda task: self._note(session, task))
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                return await asyncio.shield(self.lookups[session])
        except Exception as error:
            logger.warning("A WebSocket was refused: its user cannot be read from the database (%s).", error)
            raise Refusal(503) from error

    def _note(self, session: str, task: "asyncio.Task[Visitor | None]") -> None:
        del self.lookups[session]
        if task.cancelled() or task.exception() is not None:
            return
        visitor = task.result()
        if visitor is not None:
            now = self.clock()
            self.known = {key: entry for key, entry in self.known.items() if now - entry[0] < CHECK_EVERY}
            self.known[session] = now, visitor

    @asynccontextmanager
    async def watching(self, viewer: Viewer) -> AsyncIterator[None]:
        """Close the viewer's WebSocket when its user logs out, or is no member of staff any more."""
        user = viewer.visitor.user
        self.open.add(viewer)
        self.users[user] += 1
        if self.task is None:
            self.task = asyncio.ensure_future(self._check_all())
        try:
            yield
        finally:
            self.open.discard(viewer)
            self.users -= Counter({user: 1})
            if not self.open and self.task is not None:
                self.task.cancel()
                self.task = None

    async def _check_all(self) -> None:
        while True:
            await asyncio.sleep(CHECK_EVERY)
            await self.check()

    async def check(self) -> None:
        """While the database is down nobody can log out, and those who were let in stay."""
        try:
            expired = await find_expired({viewer.visitor for viewer in self.open})
        except Exception as error:
            if not self.is_down:
                logger.warning("Cannot read from the database who of the dashboards' users is still staff: %s", error)
            self.is_down = True
            return
        self.is_down = False
        for visitor in expired:
            self.known.pop(visitor.session, None)
        for viewer in [viewer for viewer in self.open if viewer.visitor in expired]:
            viewer.close(FORBIDDEN)
