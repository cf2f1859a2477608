"""The engine for threads without an event loop: the same steps and the same code below them, which blocks.

1. Memory is asked by Engine.lookup_memory, as for async readers.
2. A call of another thread for the same key is joined, if its load began late enough for this reader (rule 16).
3. One round trip looks up what is missing, and acquires the leases of keys without an entry (rule 19).
4. A `def` loader runs in this thread, on its own database connection. An async one runs on the lasting loop.
5. The loaded value is sealed and stored under the lease, as Loader does it.
"""

import threading
import time
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any, NamedTuple

from . import lasting_loop
from .dependencies import Dependencies
from .entry import CachedValue
from .errors import LoadError, LoadTimeout
from .key import EntryKey
from .lasting_loop import run_inline
from .lease import FIRST_DELAY, MAX_DELAY, Lease
from .loader import Loader
from .metrics.events import emit
from .refresh import Refresher
from .result_store import LoadRecord
from .singleflight import Call, LoaderRun, LoopStates, current_run, emit_joined, emit_outcome, emit_read
from .thread_loader import NOT_JOINABLE, BlockingTiers, ThreadLoader, longest_timeout
from .tiers import Tiers

FindOnLoop = Callable[[Sequence[EntryKey]], Coroutine[Any, Any, dict[str, CachedValue]]]


class ThreadCall(Call):
    """A call whose readers are threads. One thread started it, and ends it.

    `earlier`: a running call of the same key whose load began too early to be joined.
    """

    __slots__ = ("_running", "earlier", "has_ended")

    def __init__(self, entry_key: EntryKey, earlier: "ThreadCall | None" = None) -> None:
        super().__init__(entry_key, loop=None)  # type: ignore[arg-type]  # only the waiters of a loop need one
        self.earlier = earlier
        self.has_ended = False
        # Held until the end. A threading.Event costs ten times as much, and few calls have a second reader.
        self._running = threading.Lock()
        self._running.acquire()

    def _finish(self) -> None:
        self.end()

    def end(self) -> None:
        """Called by the thread of the call."""
        if not self.has_ended:
            self.has_ended = True
            self._running.release()

    def wait_for_end(self, seconds: float) -> bool:
        """Whether it has ended within that time."""
        if not self.has_ended:
            if not self._running.acquire(timeout=seconds):
                return False
            self._running.release()
        return True


class Look(NamedTuple):
    """A lookup of keys that memory does not have, and the keys whose lease came with it. `always`: asked for all."""

    lease: Lease
    always: bool
    found: dict[str, CachedValue]
    ours: list[str]


class SyncEngine:
    """`find_on_loop`: Engine.find, for policies whose soft timeout needs a load that goes on without its reader."""

    def __init__(
        self, tiers: Tiers, loader: Loader, refresher: Refresher, loops: LoopStates, find_on_loop: FindOnLoop
    ) -> None:
        self.tiers = BlockingTiers(tiers)
        self.loader = ThreadLoader(self.tiers, loader, loops)
        self.refresher = refresher
        self.loops = loops
        self.find_on_loop = find_on_loop
        self.ordering = self.tiers.ordering
        self.calls: dict[str, ThreadCall] = {}
        self.lock = threading.Lock()

    @property
    def clock(self) -> Callable[[], float]:
        """The engine's, for pages that are stored from threads."""
        clock: Callable[[], float] = self.tiers.clock
        return clock

    def find_one(self, entry_key: EntryKey) -> CachedValue:
        """Like find, for one key. A value in the shared tier needs no load, so its readers do not join a call."""
        owner, key, tiers = entry_key.owner, entry_key.key, self.tiers
        if key in self.calls or owner.policy.soft_timeout is not None or current_run.get() is not None:
            return self.find((entry_key,))[key]
        lease, always = self.loader.new_lease(), tiers.peek(key) is not None
        value, is_ours = tiers.look(entry_key, lease, always=always)
        if value is not None and not is_ours:
            accepted, outcome, refresh = tiers.accept(entry_key, value)
            if accepted is not None:
                emit_read(entry_key, accepted, outcome)
                if refresh:
                    self.refresher.schedule(entry_key, value.header, refresh)
                return accepted
        if value is None and is_ours and not always:
            return self._load_alone(entry_key, lease)
        first = Look(lease, always, {} if value is None else {key: value}, [key] if is_ours else [])
        return self.find((entry_key,), first)[key]

    def _look(self, keys: Sequence[EntryKey]) -> "Look":
        """The first round trip for keys that memory does not have."""
        lease = self.loader.new_lease()
        # An entry that memory has and may not serve most likely stands in the shared tier as well.
        always = any(self.tiers.peek(entry_key.key) is not None for entry_key in keys)
        found, ours = run_inline(self.tiers.lookup_or_lease(keys, lease, always=always, again=False))
        return Look(lease, always, found, ours)

    def _load_alone(self, entry_key: EntryKey, lease: Lease) -> CachedValue:
        """A value that no tier has, for one key whose lease is ours. A short way through `find`."""
        call = ThreadCall(entry_key)
        with self.lock:
            is_first = self.calls.setdefault(call.key, call) is call
        if not is_first:
            return self.find((entry_key,), Look(lease, False, {}, [call.key]))[call.key]
        try:
            self._load((call,), lease)
            emit_outcome(call)
        finally:
            self._end((call,))
        return self._wait(entry_key, call)

    # --- single-flight ------------------------------------------------------------------------------

    def find(self, keys: Sequence[EntryKey], first: "Look | None" = None) -> dict[str, CachedValue]:
        """A value for each key that was not in memory. Raises the error that the load of one ended with.

        `first`: what was found so far, and the leases of this thread.
        """
        if any(entry_key.owner.policy.soft_timeout is not None for entry_key in keys):
            return lasting_loop.run(self.find_on_loop(keys))
        calls, started, run = dict[str, ThreadCall](), list[ThreadCall](), current_run.get()
        try:
            for entry_key in keys:
                calls[entry_key.key], is_new = self._join_or_start(entry_key)
                if is_new:
                    started.append(calls[entry_key.key])
            if run is not None:
                self.refuse_recursion(calls.values(), run)
                run.waits_for.update(calls.values())
            if started:
                self._resolve(started, first)
                self._end(started)
                for call in started:
                    self._count(call)
            elif first is not None:
                run_inline(first.lease.release(first.ours))
            return {entry_key.key: self._wait(entry_key, calls[entry_key.key]) for entry_key in keys}
        finally:
            self._end(started)
            if run is not None:
                run.waits_for.difference_update(calls.values())

    def _join_or_start(self, entry_key: EntryKey) -> tuple[ThreadCall, bool]:
        """The call for that key, and whether it is new."""
        with self.lock:
            call = self.calls.get(entry_key.key)
            # Read once: the thread of the call changes it.
            stamp = call.stamp if call is not None else None
            if call is None or (stamp is not None and not self.ordering.covers(stamp)):
                call = self.calls[entry_key.key] = ThreadCall(entry_key, call)
                return call, True
        emit_joined(call)
        return call, False

    def refuse_recursion(self, calls: Collection[Call], run: LoaderRun) -> None:
        """Raise LoadError for a loader that would wait for itself, through threads and loops of this process."""
        for call in calls:
            others: list[Call | None] = [state.calls.get(call.key) for state in list(self.loops.states.values())]
            known = self.calls.get(call.key)
            while known is not None:
                others.append(known)
                known = known.earlier
            if any(other is not None and other.depends_on(run) for other in (call, *others)):
                raise LoadError(f"{call.key} is read while it is loaded, by what its own loader reads.")

    def _end(self, started: Sequence[ThreadCall]) -> None:
        """No reader joins them from now on. Readers of a call that was not resolved start another."""
        with self.lock:
            for call in started:
                if self.calls.get(call.key) is call:
                    del self.calls[call.key]
        for call in started:
            call.earlier = None
            call.end()

    def _count(self, call: ThreadCall) -> None:
        """Emit the outcome of a call of this thread, and refresh what is stale."""
        emit_outcome(call)
        if call.value is not None and call.refresh:
            self.refresher.schedule(call.entry_key, call.value.header, call.refresh)

    def _wait(self, entry_key: EntryKey, call: ThreadCall) -> CachedValue:
        """Wait until another thread ends the call, or for the hard timeout of the reader's policy."""
        if not call.wait_for_end(entry_key.owner.policy.hard_timeout.total_seconds()):
            fallback = self.tiers.find_fallback(call.key, call.fallback)
            if fallback is None:
                raise LoadTimeout(f"{call.key}: the thread that loads it takes too long.")
            return fallback.as_stale()
        if call.value is not None:
            return call.value
        if call.error is not None:
            raise call.error
        # An interrupt ended the thread of the call before it had a value.
        return self.find([entry_key])[entry_key.key]

    # --- lookup, lease, load --------------------------------------------------------------------------

    def _resolve(self, calls: Sequence[ThreadCall], first: "Look | None") -> None:
        """Resolve or reject each of the calls, which are this thread's."""
        pending = {call.key: call for call in calls}
        lease, always, found, ours = first or self._look([call.entry_key for call in calls])
        deadline = time.monotonic() + longest_timeout(calls)
        is_first, delay = True, FIRST_DELAY
        while True:
            for call in list(pending.values()):
                if self._resolve_from_shared(call, found.get(call.key), is_first=is_first):
                    del pending[call.key]
            mine = [pending.pop(key) for key in ours if key in pending]
            if len(mine) < len(ours):
                taken = {call.key for call in mine}
                run_inline(lease.release([key for key in ours if key not in taken]))
            if mine:
                self._load(mine, lease)
            if not pending:
                return
            if time.monotonic() > deadline:
                for call in pending.values():
                    self.loader.give_up(call)
                return
            if always:
                for call in pending.values():
                    emit("wait", call.entry_key.owner.name, call.key)
                time.sleep(delay)
                delay = min(delay * 2, MAX_DELAY)
            always, is_first = True, False
            keys = [call.entry_key for call in pending.values()]
            found, ours = run_inline(self.tiers.lookup_or_lease(keys, lease, always=True, again=True))

    def _resolve_from_shared(self, call: ThreadCall, value: CachedValue | None, *, is_first: bool) -> bool:
        """Whether what the shared tier has (None: nothing) is enough; else the key has to be loaded."""
        if value is not None:
            # A reader who comes after this verdict does not join (rule 16).
            call.stamp = NOT_JOINABLE
            self.tiers.update_verdict(value)
            accepted, outcome, refresh = self.tiers.accept(call.entry_key, value, again=not is_first)
            if accepted is not None:
                call.resolve(accepted, outcome, refresh)
                return True
            call.stamp = None
        if not is_first:
            return False
        call.fallback = fallback = self.tiers.find_fallback(call.key, value)
        if fallback is not None and self.tiers.backoff.has_failed(call.key):
            # Its load failed a moment ago: that is not tried again for each reader.
            emit("error_stale", call.entry_key.owner.name, call.key, reason="failed a moment ago")
            call.resolve(fallback.as_stale())
        return call.is_done

    def _load(self, calls: Sequence[ThreadCall], lease: Lease) -> None:
        try:
            run_inline(self.loader.load(calls, lease))
        except BaseException:
            # An interrupt: other processes need not wait for a load that nobody runs any more.
            run_inline(lease.release([call.key for call in calls]))
            raise

    # --- by hand --------------------------------------------------------------------------------------

    def refresh(self, entry_key: EntryKey) -> CachedValue:
        """Load now, whatever is stored. Waits while another process loads that key, and then loads again."""
        call, lease, delay = ThreadCall(entry_key), self.loader.new_lease(), FIRST_DELAY
        deadline = time.monotonic() + entry_key.owner.policy.hard_timeout.total_seconds()
        while not run_inline(self.tiers.lookup_or_lease([entry_key], lease, always=True, again=True))[1]:
            if time.monotonic() > deadline:
                raise LoadTimeout(f"{call.key}: the process that loads it takes too long.")
            time.sleep(delay)
            delay = min(delay * 2, MAX_DELAY)
        self._load([call], lease)
        return self._wait(entry_key, call)

    def store(self, entry_key: EntryKey, result: Any) -> None:
        """Store a result as if a load that began now had returned it."""
        begun = run_inline(self.ordering.begin())
        record = LoadRecord(begun, Dependencies(), self.clock(), 0.0)
        run_inline(self.loader.results.store(entry_key, result, record, None))
