"""The engine's state for one event loop: calls, refreshes, background tasks, the executor of loads."""

import asyncio
import contextvars
from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple

from .backends.connection import LoopFinalizer, call_at_loop_end
from .executor import LoadExecutor
from .singleflight import Call, Calls


class LookupBatch(NamedTuple):
    """New calls of one reader, and the reader's context, in which their loads run."""

    calls: Sequence[Call]
    context: contextvars.Context


class LoopState:
    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.finalizer: LoopFinalizer | None = None
        self.calls: Calls[Call] = Calls()
        self.refreshes: dict[str, asyncio.Task[None]] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.executor = LoadExecutor()
        # Looked up together at the end of this turn of the loop.
        self.next_lookup: list[LookupBatch] = []

    def begin(
        self, work: Coroutine[Any, Any, None], context: contextvars.Context | None = None
    ) -> "asyncio.Task[None]":
        """Run it in the background. A reference to the task is kept until it is done."""
        task = self.loop.create_task(work, context=context)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task


class LoopStates:
    """One state for each event loop, which ends with its loop."""

    def __init__(self) -> None:
        self.states: dict[asyncio.AbstractEventLoop, LoopState] = {}
        self.latest: LoopState | None = None

    def current(self) -> LoopState:
        """That of the running loop."""
        loop = asyncio.get_running_loop()
        latest = self.latest
        if latest is not None and latest.loop is loop:
            return latest
        state = self.states.get(loop)
        if state is None:
            state = self.states[loop] = LoopState()
            state.finalizer = call_at_loop_end(lambda: self._discard(loop))
        self.latest = state
        return state

    async def _discard(self, loop: asyncio.AbstractEventLoop) -> None:
        state = self.states.pop(loop, None)
        if self.latest is state:
            self.latest = None
        if state is not None:
            await state.executor.close()
