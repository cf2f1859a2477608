"""Load in the thread of a reader that has no event loop, on that thread's database connection.

Tiers and Loader are the engine's: their coroutines run to their end in one step, because the shared tier blocks.
"""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from operator import attrgetter
from typing import Any

from asgiref.sync import async_to_sync

from . import lasting_loop
from .dependencies import Dependencies, trackers
from .entry import CachedValue, Stamp, Unreadable, unpack
from .errors import LoadTimeout, NotModified
from .executor import LoadExecutor, load_context
from .key import EntryKey, Parameters
from .lasting_loop import run_inline
from .lease import Lease
from .loader import Loader
from .metrics.events import emit, measure
from .ordering.counters import CounterOrdering
from .result_store import LoadRecord, ResultStore
from .singleflight import Call, LoaderRun, LoopState, LoopStates, current_run
from .stores.blocking import blocking_tier
from .tiers import Tiers
from .tracing import current_span_of, with_span
from .transactions import has_written, may_read_the_past

# The stamp of a call that nobody joins any more: no tail is behind it.
NOT_JOINABLE = Stamp("")


def _of_tiers(name: str) -> Any:
    """An attribute that is the engine's: tests and settings replace it there."""
    return property(attrgetter(f"of.{name}"))


class BlockingTiers(Tiers):
    """The tiers of an engine, with a shared tier that blocks. Memory, clock, backoff and sizes are the engine's."""

    def __init__(self, tiers: Tiers) -> None:
        self.of = tiers
        self.shared = self.blocking = blocking_tier(tiers.shared)
        ordering = tiers.ordering
        if isinstance(ordering, CounterOrdering):
            ordering = CounterOrdering(ordering.tier, self.shared)
        self.ordering, self.tag_index = ordering, tiers.tag_index

    memory = _of_tiers("memory")
    clock = _of_tiers("clock")
    chance = _of_tiers("chance")
    backoff = _of_tiers("backoff")
    sizes = _of_tiers("sizes")

    @with_span("lookup")
    def look(self, entry_key: EntryKey, lease: Lease, *, always: bool) -> tuple[CachedValue | None, bool]:
        """Like lookup_or_lease, for one key: its value, judged, and whether the lease is ours now."""
        name, began = entry_key.owner.name, time.perf_counter()
        content, is_ours = self.blocking.look(entry_key.key, lease.token, lease.seconds, always=always)
        measure("lookup", name, 1)
        if (span := current_span_of("lookup")) is not None:
            span.rename(f"lookup {name}")
        measure("lookup_seconds", name, time.perf_counter() - began)
        if content is None:
            return None, is_ours
        try:
            entry = unpack(content)
        except Unreadable as error:
            emit("unreadable", name, entry_key.key, reason=str(error))
            return None, is_ours
        ordering = self.ordering
        if ordering.is_local and not ordering.is_joining:
            verdict = ordering.judge_now(entry.header)
        else:
            [verdict] = run_inline(ordering.judge((entry.header,)))
        return CachedValue(entry.header, entry.value, is_decoded=False, verdict=verdict), is_ours

    @with_span("lookup")
    async def lookup_or_lease(
        self, keys: Sequence[EntryKey], lease: Lease, *, always: bool, again: bool
    ) -> tuple[dict[str, CachedValue], list[str]]:
        """Like `lookup`, and the keys whose lease is ours now: of those without an entry, or with `always` of all."""
        by_key, began = {entry_key.key: entry_key for entry_key in keys}, time.perf_counter()
        stored, ours = await self.blocking.lookup_or_lease(list(by_key), lease.token, lease.seconds, always=always)
        return await self.judge_stored(by_key, stored, None if again else time.perf_counter() - began), ours


class ThreadResultStore(ResultStore):
    async def store(
        self, entry_key: EntryKey, result: Any, record: LoadRecord, token: str | None, *, warmed: int = 0
    ) -> CachedValue:
        """Like ResultStore, but store nothing if the load has written in a transaction of this thread."""
        record = record._replace(begun=None) if has_written() else record
        return await super().store(entry_key, result, record, token, warmed=warmed)


class ThreadLoader(Loader):
    """A Loader whose calls are of one thread, which runs the loaders one after the other."""

    def __init__(self, tiers: BlockingTiers, loader: Loader, loops: LoopStates) -> None:
        self.tiers = tiers
        self.results = ThreadResultStore(tiers)
        self.on_loop = loader
        self.loops = loops
        self.renewer = LeaseRenewer(loader)

    @property
    def lease(self) -> float:  # type: ignore[override]
        return self.on_loop.lease

    async def load(self, calls: Sequence[Call], lease: Lease) -> None:
        """Run the loaders of calls whose lease this is. The calls have no event loop, and so no state of one."""
        state: Any = None
        await (self._run_owner(state, calls, lease) if len(calls) == 1 else self.run(state, calls, lease))

    async def _run_all(self, runs: Sequence[Coroutine[Any, Any, None]]) -> None:
        for each in runs:
            await each

    async def _run_owner(self, state: LoopState, calls: Sequence[Call], lease: Lease) -> None:
        held = self.renewer.begin(lease, calls)
        try:
            for call in calls:
                # A reader who comes from now on may have to see more than where the load begins (rule 16).
                call.stamp = NOT_JOINABLE
            results, record = await self._run_loader(state, calls)
            for call in calls:
                await self._finish(call, results[call.entry_key.parameters], record, lease)
        except Exception as error:
            await self._fail_all(calls, error, lease)
        finally:
            self.renewer.end(held)

    async def _execute(
        self, state: LoopState, calls: Sequence[Call], run: LoaderRun
    ) -> tuple[dict[Parameters, Any], Dependencies]:
        owner = calls[0].entry_key.owner
        if not LoadExecutor.isolated and owner.is_async:
            return async_to_sync(self._execute_on_loop)(calls, run)
        if owner.is_async or (LoadExecutor.isolated and may_read_the_past()):
            return lasting_loop.run(self._execute_on_loop(calls, run))

        def load() -> tuple[dict[Parameters, Any], Dependencies]:
            # The context ends with this function: there is nothing to reset.
            current_run.set(run)
            dependencies = Dependencies()
            trackers.set((*trackers.get(), dependencies))
            return run_inline(owner.run_loader([call.entry_key.parameters for call in calls], previous)), dependencies

        previous = self._previous(calls)
        try:
            return load_context().run(load)
        except NotModified as error:
            return self._unmodified(calls, previous, error)

    async def _execute_on_loop(
        self, calls: Sequence[Call], run: LoaderRun
    ) -> tuple[dict[Parameters, Any], Dependencies]:
        return await self.on_loop._execute(self.loops.current(), calls, run)

    def give_up(self, call: Call) -> None:
        """Fail a call whose lease another process holds."""
        self._fail(call, LoadTimeout(f"{call.key}: the process that loads it takes too long."))


def longest_timeout(calls: Sequence[Call]) -> float:
    """The longest hard timeout of their policies, in seconds."""
    if len(calls) == 1:
        return calls[0].entry_key.owner.policy.hard_timeout.total_seconds()
    return max(call.entry_key.owner.policy.hard_timeout for call in calls).total_seconds()


class LeaseRenewer:
    """Renews the leases of threads that load, three times in the time of a lease, on the lasting loop."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader
        self.held: dict[object, tuple[str, list[str], float]] = {}
        self.is_running = False
        self.task: asyncio.Task[None] | None = None

    def begin(self, lease: Lease, calls: Sequence[Call]) -> object:
        """Renew the lease until the hard timeout of the policy, or until `end` is called with the result."""
        until = time.monotonic() + longest_timeout(calls)
        mark = object()
        self.held[mark] = (lease.token, [call.key for call in calls], until)
        if not self.is_running:
            self.is_running = True
            lasting_loop.call_soon(self._start)
        return mark

    def end(self, mark: object) -> None:
        del self.held[mark]

    def _start(self) -> None:
        self.task = asyncio.get_running_loop().create_task(self._renew())

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self.loader.lease / 3)
            for token, keys, until in list(self.held.values()):
                for key in keys if time.monotonic() < until else ():
                    await self.loader.tiers.shared.renew(key, token, self.loader.lease)
            if not self.held:
                self.is_running = False
                # A thread may have come between the two lines above.
                if not self.held:
                    return
                self.is_running = True
