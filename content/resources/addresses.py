"""Whether an address leads anywhere: one query for all requests that wait.

Results are not stored. An unknown address costs a share of one query each time, and a new post, page or redirect is
found at once.
"""

import asyncio
import logging
from itertools import islice
from weakref import WeakKeyDictionary

from content.caching.engines import engine_of
from content.caching.errors import Overloaded
from content.selectors import site as selectors
from content.selectors.site import Address

__all__ = ["Address", "exists"]

logger = logging.getLogger(__name__)

# The most addresses in one query, and the most that may wait.
_MOST_AT_ONCE, _MOST_WAITING = 100, 1000
# Seconds that a request waits, and seconds without queries after a failure.
_LONGEST_WAIT, _PAUSE = 0.8, 1.0


class _Queries:
    """The addresses that wait in one event loop, and the task that looks them up, one query at a time."""

    def __init__(self) -> None:
        self.waiting: dict[Address, asyncio.Future[bool | None]] = {}
        self.task: asyncio.Task[None] | None = None
        self.paused_until = 0.0

    async def exists(self, address: Address) -> bool | None:
        loop = asyncio.get_running_loop()
        if loop.time() < self.paused_until:
            return None
        future = self.waiting.get(address)
        if future is None:
            if len(self.waiting) >= _MOST_WAITING:
                raise Overloaded(f"{_MOST_WAITING:,} addresses wait to be looked up; that is the most.")
            future = self.waiting[address] = loop.create_future()
        if self.task is None:
            # A task of its own: a client that disconnects cancels no other request (I11).
            self.task = engine_of("default").loop_state().begin(self._run())
        await asyncio.wait({future}, timeout=_LONGEST_WAIT)
        return future.result() if future.done() else None

    async def _run(self) -> None:
        batch: dict[Address, asyncio.Future[bool | None]] = {}
        try:
            while self.waiting:
                batch = dict(islice(self.waiting.items(), _MOST_AT_ONCE))
                for address in batch:
                    # Later requests may know of a write that this query does not see (I1): they wait for the next.
                    del self.waiting[address]
                _resolve(batch, await self._look_up(list(batch)))
        finally:
            self.task = None
            _resolve(batch, None)

    async def _look_up(self, addresses: list[Address]) -> set[Address] | None:
        executor = engine_of("default").loop_state().executor
        try:
            return await executor.run(lambda: selectors.find_existing(addresses))
        except Exception as error:
            self.paused_until = asyncio.get_running_loop().time() + _PAUSE
            logger.warning("Cannot look up addresses (%s); each is tried as a page.", type(error).__name__)
            return None


def _resolve(batch: "dict[Address, asyncio.Future[bool | None]]", found: set[Address] | None) -> None:
    for address, future in batch.items():
        if not future.done():
            future.set_result(None if found is None else address in found)


_by_loop: "WeakKeyDictionary[asyncio.AbstractEventLoop, _Queries]" = WeakKeyDictionary()


async def exists(address: Address) -> bool | None:
    """Whether an address leads anywhere; None if the database does not answer within 0.8 s.

    Raises Overloaded if a thousand addresses wait.
    """
    return await _by_loop.setdefault(asyncio.get_running_loop(), _Queries()).exists(address)
