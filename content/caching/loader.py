"""Run the loaders of keys that no tier has: once for all processes, under a lease."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from .dependencies import Dependencies, track_dependencies
from .entry import CachedValue
from .errors import LoadTimeout, NotModified
from .key import EntryKey, KeyOwner, Parameters
from .lease import BACKGROUND, Lease, rank_of_load
from .metrics.events import emit, measure
from .result_store import LoadRecord, ResultStore
from .singleflight import Call, LoaderRun, LoopState, current_run
from .tiers import Tiers
from .tracing import with_span
from .warm_costs import charge_load
from .warm_plan import current_plan, mark_of

# Seconds until the lease of a holder that dies lapses: so long its readers wait.
LEASE = 3.0
# The same for a process without readers: its batches may delay a renewal for seconds, and readers take over its
# leases.
BACKGROUND_LEASE = 6.0


class Loader:
    """`lease`: seconds after which the holder of a lease that does not renew it is replaced."""

    def __init__(self, tiers: Tiers, lease: float = LEASE) -> None:
        self.tiers = tiers
        self.results = ResultStore(tiers)
        self.lease = lease

    def new_lease(self, *, has_reader: bool = True) -> Lease:
        """`has_reader`: a reader waits for the load."""
        rank = rank_of_load(has_reader=has_reader)
        return Lease(self.tiers.shared, BACKGROUND_LEASE if rank == BACKGROUND else self.lease, rank)

    # --- under a lease ------------------------------------------------------------------------------

    async def load_missing(self, state: LoopState, calls: Sequence[Call]) -> None:
        """Load the keys whose lease we get; wait, beside it, for what other processes load."""
        lease, loads = self.new_lease(), list[asyncio.Task[None]]()
        pending = {call.key: call for call in calls}

        async def look(keys: Sequence[str]) -> dict[str, CachedValue]:
            return await self.tiers.lookup([pending[key].entry_key for key in keys], again=True)

        async def settle(ours: list[str], found: dict[str, CachedValue]) -> list[str]:
            # First of all, without an await: a reader who joined meanwhile might have to see more (rule 16).
            self._resolve_found(pending, found)
            mine = [pending.pop(key) for key in ours if key in pending]
            for call in mine:
                call.warmed = mark_of(current_plan(), spares=True)
            if mine:
                loads.append(state.begin(self.run(state, mine, lease)))
            for call in pending.values():
                emit("wait", call.entry_key.owner.name, call.key)
            if len(mine) < len(ours):
                taken = {call.key for call in mine}
                await lease.release([key for key in ours if key not in taken])
            return list(pending)

        timeout = max(call.entry_key.owner.policy.hard_timeout for call in calls).total_seconds()
        for key in await lease.contend(list(pending), look, settle, timeout=timeout):
            self._fail(pending[key], LoadTimeout(f"{key}: the process that loads it takes too long."))
        for load in loads:
            await load

    def _resolve_found(self, pending: dict[str, Call], found: dict[str, CachedValue]) -> None:
        """The calls whose values other processes have stored meanwhile leave `pending`."""
        for key, value in found.items():
            accepted, outcome, refresh = self.tiers.accept(pending[key].entry_key, value, again=True)
            if accepted is not None:
                pending.pop(key).resolve(accepted, outcome, refresh)

    async def reload(self, state: LoopState, entry_key: EntryKey) -> CachedValue:
        """Load now, whatever is stored. Waits while another process loads that key, and then loads again."""
        lease, call = self.new_lease(), Call(entry_key, state.loop)

        async def look(keys: Sequence[str]) -> None:
            """A stored value would not do."""

        async def settle(ours: list[str], found: None) -> list[str]:
            if ours:
                state.begin(self.run(state, [call], lease))
            return [] if ours else [call.key]

        timeout = entry_key.owner.policy.hard_timeout.total_seconds()
        if await lease.contend([call.key], look, settle, timeout=timeout):
            raise LoadTimeout(f"{call.key}: the process that loads it takes too long.")
        return await call.wait()

    async def load_batch(
        self,
        state: LoopState,
        keys: Iterable[EntryKey],
        is_done: Callable[[EntryKey, CachedValue], bool],
        *,
        reason: str,
        timeout: float = 0.0,
    ) -> list[Call]:
        """Load the keys whose lease we get, as one batch, unless what is stored by then is all that is wanted.

        No reader waits for it. `timeout`: seconds to wait for keys that other processes load; then they are left to
        them. Returns the calls of the keys that were loaded here, which have ended.
        """
        lease, calls = self.new_lease(has_reader=False), list[Call]()
        pending = {entry_key.key: entry_key for entry_key in keys}

        async def look(keys: Sequence[str]) -> dict[str, CachedValue]:
            return await self.tiers.lookup([pending[key] for key in keys], again=True)

        async def settle(ours: list[str], found: dict[str, CachedValue]) -> list[str]:
            done = {key for key, value in found.items() if is_done(pending[key], value)}
            await lease.release([key for key in ours if key in done])
            mine = [self.new_call(state, pending[key], found.get(key)) for key in ours if key not in done]
            for key in {*ours, *done}:
                del pending[key]
            for call in mine:
                emit("refresh", call.entry_key.owner.name, call.key, reason=reason)
            if mine:
                calls.extend(mine)
                await self.run(state, mine, lease)
            return list(pending)

        if pending:
            await lease.contend(list(pending), look, settle, timeout=timeout)
        return calls

    def new_call(self, state: LoopState, entry_key: EntryKey, value: CachedValue | None) -> Call:
        """A call with the stored value, which the loader may find unchanged."""
        call = Call(entry_key, state.loop)
        call.fallback = value if value is not None and self.tiers.may_serve_on_error(value) else None
        call.warmed = mark_of(current_plan(), spares=value is None or not value.is_servable(self.tiers.clock()))
        return call

    # --- run and resolve ----------------------------------------------------------------------------

    async def run(self, state: LoopState, calls: Sequence[Call], lease: Lease) -> None:
        """Loaders of several owners run side by side, each for all its keys at once."""
        by_owner: dict[KeyOwner, list[Call]] = {}
        for call in calls:
            by_owner.setdefault(call.entry_key.owner, []).append(call)
        await self._run_all([self._run_owner(state, some, lease) for some in by_owner.values()])

    async def _run_all(self, runs: Sequence[Coroutine[Any, Any, None]]) -> None:
        """Side by side. The commonest case, one alone, is spared the cost of a task."""
        if len(runs) == 1:
            await runs[0]
        else:
            await asyncio.gather(*runs)

    async def _run_owner(self, state: LoopState, calls: Sequence[Call], lease: Lease) -> None:
        """Every call is resolved or rejected, and every lease is released."""
        keys = [call.key for call in calls]
        try:
            with lease.renewal(keys):
                results, record = await self._run_loader(state, calls)
                await self._run_all(
                    [self._finish(call, results[call.entry_key.parameters], record, lease) for call in calls]
                )
        except Exception as error:
            await self._fail_all(calls, error, lease)
        except asyncio.CancelledError:
            # The loop ends: other processes need not wait for a load that nobody runs any more.
            await lease.release(keys)
            raise

    async def _finish(self, call: Call, result: Any, record: LoadRecord, lease: Lease) -> None:
        try:
            value = await self.results.store(call.entry_key, result, record, lease.token, warmed=call.warmed)
            call.resolve(value)
        except Exception as error:
            await self._fail_all([call], error, lease)

    @with_span("load")
    async def _run_loader(self, state: LoopState, calls: Sequence[Call]) -> tuple[dict[Parameters, Any], LoadRecord]:
        """The loader's results by parameters. Raises what it raises, and LoadTimeout."""
        name, run, began = calls[0].entry_key.owner.name, LoaderRun(), self.tiers.clock()
        run.note_load(calls)
        begun = await self.tiers.ordering.begin()
        for call in calls:
            call.run, call.stamp = run, begun
        results, dependencies = await self._execute(state, calls, run)
        for call in calls:
            emit("load", name, call.key)
        # One time for all keys: storing the first takes time that is no part of the load.
        ended_at = self.tiers.clock()
        measure("load_seconds", name, ended_at - began)
        return results, LoadRecord(begun, dependencies, ended_at, (ended_at - began) / len(calls))

    async def _execute(
        self, state: LoopState, calls: Sequence[Call], run: LoaderRun
    ) -> tuple[dict[Parameters, Any], Dependencies]:
        owner = calls[0].entry_key.owner
        limit = owner.policy.hard_timeout.total_seconds()
        previous = self._previous(calls)

        async def load() -> tuple[dict[Parameters, Any], Dependencies]:
            current_run.set(run)
            with track_dependencies() as dependencies, charge_load(owner.name, len(calls)):
                parameters = [call.entry_key.parameters for call in calls]
                try:
                    async with asyncio.timeout(limit) as timer:
                        return await owner.run_loader(parameters, previous), dependencies
                except TimeoutError as error:
                    # One that the loader itself raised is the loader's.
                    if not timer.expired():
                        raise
                    raise LoadTimeout(
                        f"{calls[0].key} has not loaded within {limit:g} s, and was ended. Make its loader faster, "
                        "or raise hard_timeout in its policy."
                    ) from error

        try:
            return await state.executor.run(load)
        except NotModified as error:
            return self._unmodified(calls, previous, error)

    def _previous(self, calls: Sequence[Call]) -> CachedValue | None:
        """The last good value of a single key, which its loader may find unchanged."""
        fallback = calls[0].fallback if len(calls) == 1 else None
        return calls[0].entry_key.owner.decode_value(fallback) if fallback is not None else None

    def _unmodified(
        self, calls: Sequence[Call], previous: CachedValue | None, error: NotModified
    ) -> tuple[dict[Parameters, Any], Dependencies]:
        """The results of a loader that raised NotModified. Raises the error if there was nothing before."""
        if previous is None:
            raise error
        entry_key = calls[0].entry_key
        return {entry_key.parameters: entry_key.owner.result_of(previous)}, Dependencies(
            tags=set(previous.header.tags)
        )

    # --- when loading fails -------------------------------------------------------------------------

    async def _fail_all(self, calls: Sequence[Call], error: Exception, lease: Lease) -> None:
        await lease.release([call.key for call in calls])
        for call in calls:
            emit("failed", call.entry_key.owner.name, call.key, reason=type(error).__name__)
            self._fail(call, error)

    def _fail(self, call: Call, error: Exception) -> None:
        """Resolve with the last good value, if it may be served on errors (I6); else reject."""
        self.tiers.backoff.delay(call.key, failed=True)
        if call.fallback is not None and self.tiers.may_serve_on_error(call.fallback):
            emit("error_stale", call.entry_key.owner.name, call.key, reason=type(error).__name__)
            call.resolve(call.fallback.as_stale())
            call.error = error
        else:
            call.reject(error)
