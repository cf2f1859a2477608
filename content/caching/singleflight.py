"""Single-flight: one load of a key in this process, shared by all readers who want it (I2).

The term is that of golang.org/x/sync/singleflight: the first caller starts a call, others join it.
The calls belong to an event loop: so do its refreshes, background tasks and the executor of loads.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context, ContextVar
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from .backends.connection import LoopFinalizer, call_at_loop_end
from .entry import CachedValue, Stamp
from .errors import LoadError
from .executor import LoadExecutor
from .key import EntryKey
from .metrics.events import emit
from .read_counts import reads
from .tracing import Span, current_span_of


class Joinable(Protocol):
    """`stamp`: the position in the order of invalidations where the load began, None until it does."""

    @property
    def key(self) -> str: ...

    @property
    def stamp(self) -> Stamp | None: ...


C = TypeVar("C", bound=Joinable)


class Calls(Generic[C]):
    """The calls under way, by key."""

    def __init__(self) -> None:
        self._calls: dict[str, C] = {}

    def join(self, key: str, covers: Callable[[Stamp], bool]) -> C | None:
        """The call for that key, unless its load began before what this reader must see (rule 16)."""
        call = self._calls.get(key)
        if call is not None and (call.stamp is None or covers(call.stamp)):
            return call
        return None

    def get(self, key: str) -> C | None:
        return self._calls.get(key)

    def start(self, call: C) -> None:
        """Readers who come from now on join this one."""
        self._calls[call.key] = call

    def remove(self, call: C) -> None:
        """Readers who come from now on do not join it."""
        if self._calls.get(call.key) is call:
            del self._calls[call.key]


class LoaderRun:
    """One run of a loader, for one key or many, and the calls that it waits for."""

    def __init__(self) -> None:
        self.waits_for: set[Call] = set()
        # The span of the load, None unless its trace is recorded. Spans of readers who joined refer to it.
        self.span: Span | None = None

    def note_load(self, calls: "Sequence[Call]") -> None:
        """Describe the load of these calls on its span, which is the current one."""
        self.span = span = current_span_of("load")
        if span is not None:
            span.rename(f"load {calls[0].entry_key.owner.name}")
            span.set("evergreen.cache.name", calls[0].entry_key.owner.name)
            span.set("evergreen.keys", len(calls))


# The run of a loader that this code is part of.
current_run: ContextVar[LoaderRun | None] = ContextVar("current_run", default=None)


class Call:
    """The work for one key, from its lookup to its value or error.

    `fallback` is what may be served if the load fails. `outcome` is how the read is counted: hit, negative or stale
    in the shared tier, None for a miss. `refresh` is the reason to load the value again, "" for none. `joined` is the
    number of readers besides the first. `error` is what the load raised: readers get the `value`, if there is one.
    `warmed` is the mark of the plan of warming that loads it.
    Each reader waits on a future of its own, so that a reader who is cancelled cancels nobody else (I11).
    """

    __slots__ = (
        "entry_key",
        "error",
        "fallback",
        "joined",
        "key",
        "loop",
        "on_done",
        "outcome",
        "refresh",
        "run",
        "stamp",
        "value",
        "waiters",
        "warmed",
    )

    def __init__(
        self,
        entry_key: EntryKey,
        loop: asyncio.AbstractEventLoop,
        on_done: "Callable[[Call], None] | None" = None,
    ) -> None:
        self.entry_key = entry_key
        # Read several times a call: a slot costs less than a property.
        self.key = entry_key.key
        self.loop = loop
        self.on_done = on_done
        self.waiters: list[asyncio.Future[CachedValue]] = []
        self.value: CachedValue | None = None
        self.error: BaseException | None = None
        self.run: LoaderRun | None = None
        self.stamp: Stamp | None = None
        self.fallback: CachedValue | None = None
        self.outcome: str | None = None
        self.refresh = ""
        self.joined = 0
        self.warmed = 0

    @property
    def span(self) -> Span | None:
        """The span of its load; None before the load begins, and unless it is recorded."""
        return self.run.span if self.run is not None else None

    @property
    def is_done(self) -> bool:
        return self.value is not None or self.error is not None

    def resolve(self, value: CachedValue, outcome: str | None = None, refresh: str = "") -> None:
        if not self.is_done:
            self.value, self.outcome, self.refresh = value, outcome, refresh
            self._finish()

    def reject(self, error: BaseException) -> None:
        if not self.is_done:
            self.error = error
            self._finish()

    def _finish(self) -> None:
        if self.on_done is not None:
            self.on_done(self)
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            self._settle(waiter)

    def _settle(self, waiter: asyncio.Future[CachedValue]) -> None:
        if waiter.done():
            return
        if self.value is not None:
            waiter.set_result(self.value)
        elif self.error is not None:
            waiter.set_exception(self.error)

    def new_waiter(self) -> asyncio.Future[CachedValue]:
        waiter: asyncio.Future[CachedValue] = self.loop.create_future()
        if self.is_done:
            self._settle(waiter)
        else:
            self.waiters.append(waiter)
        return waiter

    async def wait(self) -> CachedValue:
        """The value. Raises the error that the load ended with, and LoadError for a loader that waits for itself."""
        run = current_run.get()
        if run is None:
            return await self.new_waiter()
        if self.depends_on(run):
            raise LoadError(f"{self.key} is read while it is loaded, by what its own loader reads.")
        run.waits_for.add(self)
        try:
            return await self.new_waiter()
        finally:
            run.waits_for.discard(self)

    def depends_on(self, run: LoaderRun) -> bool:
        """Whether this call waits, through others, for what that run loads: they would wait for ever."""
        seen: set[Call] = set()
        waiting = [self]
        while waiting:
            call = waiting.pop()
            if call.run is run:
                return True
            if call not in seen:
                seen.add(call)
                waiting += call.run.waits_for if call.run else ()
        return False


class LookupBatch(NamedTuple):
    """New calls of one reader, and the reader's context, in which their loads run."""

    calls: Sequence[Call]
    context: Context


class LoopState:
    """The engine's state for one event loop: calls, refreshes, background tasks, the executor of loads."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.finalizer: LoopFinalizer | None = None
        self.calls: Calls[Call] = Calls()
        self.refreshes: dict[str, asyncio.Task[None]] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.executor = LoadExecutor()
        # Looked up together at the end of this turn of the loop.
        self.next_lookup: list[LookupBatch] = []

    def begin(self, work: Coroutine[Any, Any, None], context: Context | None = None) -> "asyncio.Task[None]":
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
        """The state of the running loop."""
        loop = asyncio.get_running_loop()
        latest = self.latest
        if latest is not None and latest.loop is loop:
            return latest
        state = self.states.get(loop)
        if state is None:
            state = self.states[loop] = LoopState()
            state.finalizer = call_at_loop_end(lambda: self._close(loop), lambda: self._discard(loop))
        self.latest = state
        return state

    async def _close(self, loop: asyncio.AbstractEventLoop) -> None:
        state = self._pop(loop)
        if state is not None:
            await state.executor.close()

    def _discard(self, loop: asyncio.AbstractEventLoop) -> None:
        """The loop is closed already."""
        state = self._pop(loop)
        if state is not None:
            state.executor.discard()
            for task in state.tasks:
                # Its caller was answered; asyncio would log that it did not come to its end.
                task._log_destroy_pending = False  # type: ignore[attr-defined]

    def _pop(self, loop: asyncio.AbstractEventLoop) -> LoopState | None:
        state = self.states.pop(loop, None)
        if self.latest is state:
            self.latest = None
        return state


def emit_joined(call: Call) -> None:
    """Report a reader who waits for a call that another one started."""
    call.joined += 1
    emit("joined", call.entry_key.owner.name, call.key)


def emit_outcome(call: Call) -> None:
    """Report the outcome of a call, in the context of the reader who started it."""
    emit_read(call.entry_key, call.value, call.outcome, call.joined + 1)


def emit_read(entry_key: EntryKey, value: CachedValue | None, outcome: str | None, count: int = 1) -> None:
    """A read of what memory did not have. `outcome`: in the shared tier, None for a miss. `count`: of its readers."""
    reads.add_found(entry_key, value, count)
    if outcome == "hit" and value is not None:
        reads.add_warmed(entry_key.key, value.header)
    if outcome is None:
        emit("miss", entry_key.owner.name, entry_key.key)
    else:
        emit(outcome, entry_key.owner.name, entry_key.key, tier="shared")
