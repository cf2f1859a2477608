"""Loading what no tier has: once, under a lease, and stored only if nothing overtook it."""

import asyncio
import secrets
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from content.caching.dependencies import Dependencies, track_dependencies
from content.caching.entry import CachedValue, Entry, Header, Stamp, pack
from content.caching.errors import LoadTimeout, NotModified
from content.caching.key import EntryKey
from content.caching.loop_state import LoopState
from content.caching.metrics.events import emit, measure
from content.caching.singleflight import Call, LoaderRun, current_run
from content.caching.stores.shared import lease_and_look

if TYPE_CHECKING:
    from content.caching.engine import Engine

FIRST_DELAY = 0.005
MAX_DELAY = 0.05


class LoadRecord(NamedTuple):
    """Of a loader: where it stood in the order, what it read, when it ended (Unix seconds), what it cost a key."""

    begun: Stamp | None
    dependencies: Dependencies
    ended: float
    cost: float


class Loader:
    """The loads of an engine."""

    def __init__(self, engine: "Engine") -> None:
        self.engine = engine

    # --- under a lease ------------------------------------------------------------------------------

    async def load_missing(self, state: LoopState, calls: Sequence[Call]) -> None:
        """Load what we get a lease for; wait, beside it, for what others load."""
        token, delay = secrets.token_hex(8), FIRST_DELAY
        loads: list[asyncio.Task[None]] = []
        pending = {call.key: call for call in calls}
        longest = max(call.entry_key.owner.policy.hard_timeout for call in calls)
        deadline = state.loop.time() + longest.total_seconds()
        while pending:
            mine = await self.acquire(pending, token)
            if mine:
                loads.append(state.begin(self.run(state, mine, token)))
            if pending and state.loop.time() > deadline:
                for call in pending.values():
                    self.fail(call, LoadTimeout(f"{call.key}: its holder takes too long."))
                break
            if pending:
                for call in pending.values():
                    emit("wait", call.entry_key.owner.name, call.key)
                await asyncio.sleep(delay)
                delay = min(delay * 2, MAX_DELAY)
        if loads:
            await asyncio.gather(*loads)

    async def acquire(self, pending: dict[str, Call], token: str) -> list[Call]:
        """One round: those that are ours to load. What others have stored meanwhile lands. Both leave `pending`."""
        keys, entry_keys, engine = list(pending), [call.entry_key for call in pending.values()], self.engine
        got, answers = await lease_and_look(
            engine.shared, keys, token, engine.lease, lambda: engine.lookup_shared(entry_keys, again=True)
        )
        mine = []
        for key in keys:
            answer = answers.get(key)
            if answer is not None and engine.accept(pending[key], answer, again=True):
                if key in got:
                    await engine.shared.release(key, token)
                del pending[key]
            elif key in got:
                mine.append(pending.pop(key))
        return mine

    # --- loaded and stored --------------------------------------------------------------------------

    async def run(self, state: LoopState, calls: Iterable[Call], token: str | None) -> None:
        """Flights of several resources are loaded side by side, each resource's own in one go."""
        by_resource: dict[Any, list[Call]] = {}
        for call in calls:
            by_resource.setdefault(call.entry_key.owner, []).append(call)
        await asyncio.gather(*(self.run_owner(state, some, token) for some in by_resource.values()))

    async def run_owner(self, state: LoopState, calls: Sequence[Call], token: str | None) -> None:
        """Every flight lands or crashes, and no lease is left behind."""
        keys = [call.key for call in calls]
        renewal = state.begin(self.renew(keys, token)) if token else None
        try:
            found, run = await self.run_loader(state, calls)
            await asyncio.gather(
                *(self.store_and_resolve(each, found[each.entry_key.parameters], run, token) for each in calls)
            )
        except Exception as error:
            await self.reject_all(calls, error, token)
        except asyncio.CancelledError:
            # The loop ends: others need not wait for what nobody loads any more.
            await self.release(keys, token)
            raise
        finally:
            if renewal is not None:
                renewal.cancel()

    async def store_and_resolve(self, call: Call, loaded: Any, run: LoadRecord, token: str | None) -> None:
        try:
            call.resolve(await self.store(call.entry_key, loaded, run, token))
        except Exception as error:
            await self.reject_all([call], error, token)

    async def reject_all(self, calls: Sequence[Call], error: Exception, token: str | None) -> None:
        await self.release([call.key for call in calls], token)
        for call in calls:
            emit("failed", call.entry_key.owner.name, call.key, reason=type(error).__name__)
            self.fail(call, error)

    async def run_loader(self, state: LoopState, calls: Sequence[Call]) -> tuple[dict[Any, Any], LoadRecord]:
        """The loader's values by parameters. Raises what it raises, and LoadTimeout."""
        resource, loader_run, began = calls[0].entry_key.owner, LoaderRun(), self.engine.clock()
        begun = await self.engine.ordering.begin()
        for call in calls:
            call.run, call.stamp = loader_run, begun
        found, dependencies = await self.execute(state, resource, calls, loader_run)
        for call in calls:
            emit("load", resource.name, call.key)
        # One moment for all: to store the first takes time that the last has not.
        ended = self.engine.clock()
        measure("load_seconds", resource.name, ended - began)
        return found, LoadRecord(begun, dependencies, ended, (ended - began) / len(calls))

    async def execute(
        self, state: LoopState, resource: Any, calls: Sequence[Call], loader_run: LoaderRun
    ) -> tuple[dict[Any, Any], Dependencies]:
        """What the loader gave, and what it read on its way."""

        async def load() -> tuple[dict[Any, Any], Dependencies]:
            current_run.set(loader_run)
            with track_dependencies() as dependencies:
                async with asyncio.timeout(limit):
                    return await resource.run_loader(
                        [each.entry_key.parameters for each in calls], previous
                    ), dependencies

        limit = resource.policy.hard_timeout.total_seconds()
        fallback = calls[0].fallback if len(calls) == 1 else None
        previous = resource.decode_value(fallback) if fallback is not None else None
        try:
            return await state.executor.run(load)
        except TimeoutError as error:
            raise LoadTimeout(f"{calls[0].key} has not loaded within {limit:g} s.") from error
        except NotModified:
            if previous is None:
                raise
            return {calls[0].entry_key.parameters: resource.result_of(previous)}, Dependencies(
                tags=set(previous.header.tags)
            )

    async def renew(self, keys: Sequence[str], token: str) -> None:
        while True:
            await asyncio.sleep(self.engine.lease / 3)
            for key in keys:
                await self.engine.shared.renew(key, token, self.engine.lease)

    async def release(self, keys: Iterable[str], token: str | None) -> None:
        if token is not None:
            for key in keys:
                await self.engine.shared.release(key, token)

    def fail(self, call: Call, error: Exception) -> None:
        """The last good value, if one may be served when loading fails (I6); else the error."""
        self.engine.backoff.delay(call.key, failed=True)
        if call.fallback is not None and self.engine.may_serve_on_error(call.fallback):
            emit("error_stale", call.entry_key.owner.name, call.key, reason=type(error).__name__)
            call.resolve(call.fallback.as_stale())
        else:
            call.reject(error)

    async def store(self, entry_key: EntryKey, loaded: Any, run: LoadRecord, token: str | None) -> CachedValue:
        """Stored in both tiers, unless something overtook the load; the answer is the reader's in any case."""
        resource, now, (begun, dependencies, _, cost) = entry_key.owner, run.ended, run
        tags = resource.tags_of(entry_key, loaded, dependencies.tags)
        sealed = (
            await self.engine.ordering.seal(begun, tags) if begun is not None and not dependencies.stale else None
        )
        times = resource.times_of(loaded, now, self.engine.chance())
        stale_until = min(times.stale_until, dependencies.stale_until)
        header = Header(
            made_at=now,
            fresh_until=min(times.fresh_until, dependencies.fresh_until),
            # Older than its oldest part may be, nothing made of it is served.
            stale_until=stale_until,
            error_until=stale_until + times.error_until - times.stale_until,
            there=loaded.absence is None,
            cost=cost,
            tags=tags,
            stamp=sealed or Stamp(""),
        )
        encoded = resource.encode_result(loaded)
        answer: CachedValue = resource.to_cached_value(header, loaded, encoded)
        if sealed is None or header.fresh_until <= now:
            emit("refused", resource.name, entry_key.key, reason=refusal_reason(begun, dependencies, sealed))
            self.engine.backoff.delay(entry_key.key, failed=False)
            await self.release([entry_key.key], token)
            # Whoever makes something of what was made of a stale part must know.
            return answer.as_stale() if dependencies.stale else answer
        if self.engine.ordering.is_heard:
            self.engine.backoff.reset(entry_key.key)
        else:
            # Kept, yet stale for as long as the log is silent: the next reader need not load it again.
            self.engine.backoff.delay(entry_key.key, failed=False)
        content = pack(Entry(header, encoded))
        stored = len(content) <= resource.largest and await self.engine.shared.store(
            entry_key.key, content, max(header.error_until, header.stale_until) - now, token
        )
        if stored:
            measure("store", resource.name, 1)
            measure("stored_bytes", resource.name, len(content))
        else:
            reason = "too large" if len(content) > resource.largest else "its lease lapsed, or the tier is away"
            emit("refused", resource.name, entry_key.key, reason=reason)
        # A lease that lapsed was given to somebody else: what they store is the entry (I12).
        if stored or token is None or await self.engine.shared.holder(entry_key.key) in (None, token):
            self.engine.remember(entry_key, answer, len(encoded))
        if not stored:
            await self.release([entry_key.key], token)
        return answer


def refusal_reason(begun: Stamp | None, dependencies: Dependencies, sealed: Stamp | None) -> str:
    if begun is None:
        return "no log is joined"
    if dependencies.stale:
        return "made of a stale part"
    return "overtaken by an invalidation" if sealed is None else "its time is up already"
