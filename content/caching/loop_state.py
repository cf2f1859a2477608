import asyncio
import contextvars
from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple

from content.caching.backends.event_loop import LoopFinalizer
from content.caching.executor import LoadExecutor
from content.caching.singleflight import Call


class LookupBatch(NamedTuple):
    """New flights of one reader, and the reader's context, in which they are loaded."""

    calls: Sequence[Call]
    context: contextvars.Context


class LoopState:
    """What belongs to one event loop: flights, refreshes, loads."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.finalizer: LoopFinalizer | None = None
        self.calls: dict[str, Call] = {}
        self.refreshes: dict[str, asyncio.Task[None]] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.executor = LoadExecutor()
        # What departs in this turn of the loop.
        self.next_lookup: list[LookupBatch] = []

    def remove_call(self, call: Call) -> None:
        if self.calls.get(call.key) is call:
            del self.calls[call.key]

    def begin(
        self, work: Coroutine[Any, Any, None], context: contextvars.Context | None = None
    ) -> "asyncio.Task[None]":
        """A task that nobody needs to hold."""
        task = self.loop.create_task(work, context=context)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task
