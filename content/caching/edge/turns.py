"""Connections that have more to be answered than their share take turns, so that no other client waits for them."""

import asyncio
from collections import deque
from typing import Protocol

# Requests of one connection that are answered before others get a turn.
MOST_AT_ONCE = 8
# Seconds of one turn of the event loop for all of them together.
BUDGET = 0.005


class TakesTurns(Protocol):
    def take_turn(self) -> None: ...


class Turns:
    """The connections of one event loop that wait for their next turn."""

    def __init__(self) -> None:
        self.waiting: deque[TakesTurns] = deque()
        self._is_scheduled = False

    @property
    def share(self) -> int:
        """Requests that a connection may have answered at once; one while others wait."""
        return 1 if self.waiting else MOST_AT_ONCE

    def add(self, connection: TakesTurns, loop: asyncio.AbstractEventLoop) -> None:
        self.waiting.append(connection)
        self._schedule(loop)

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            loop.call_soon(self._run, loop)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give turns within the budget. The loop serves everything else before the next run."""
        self._is_scheduled = False
        ends, left = loop.time() + BUDGET, len(self.waiting)
        try:
            while self.waiting and left and loop.time() < ends:
                left -= 1
                self.waiting.popleft().take_turn()
        finally:
            if self.waiting:
                self._schedule(loop)


def end_of_heads(data: bytes, most: int) -> int:
    """The index behind so many empty lines; the length of the data if it has no more."""
    end = 0
    for _ in range(most):
        end = data.find(b"\r\n\r\n", end) + 4
        if end < 4:
            return len(data)
    return end
