import asyncio
import contextvars
from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple

from content.caching.backends.loops import Keeper
from content.caching.flight import Flight
from content.caching.loading import Loading


class Departure(NamedTuple):
    """New flights of one reader, and the reader's context, in which they are loaded."""

    flights: Sequence[Flight]
    context: contextvars.Context


class LoopState:
    """What belongs to one event loop: flights, refreshes, loads."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.keeper: Keeper | None = None
        self.flights: dict[str, Flight] = {}
        self.refreshes: dict[str, asyncio.Task[None]] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.loading = Loading()
        # What departs in this turn of the loop.
        self.departing: list[Departure] = []

    def landed(self, flight: Flight) -> None:
        if self.flights.get(flight.key) is flight:
            del self.flights[flight.key]

    def begin(
        self, work: Coroutine[Any, Any, None], context: contextvars.Context | None = None
    ) -> "asyncio.Task[None]":
        """A task that nobody needs to hold."""
        task = self.loop.create_task(work, context=context)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task
