"""Look up the missing keys of many readers in the shared tier at once, and load those that it does not have."""

import contextvars
from collections.abc import Iterable, Sequence

from .entry import CachedValue
from .loader import Loader
from .metrics.events import emit
from .refresh import Refresher
from .singleflight import Call, LookupBatch, LoopState
from .tiers import Judgement, Tiers
from .tracing import choose_traced_context


class SharedLookup:
    """Resolves or rejects every call that it is given."""

    def __init__(self, tiers: Tiers, loader: Loader, refresher: Refresher) -> None:
        self.tiers = tiers
        self.loader = loader
        self.refresher = refresher

    def begin_soon(self, state: LoopState, calls: Sequence[Call]) -> None:
        """Look up these calls, together with all calls that start in this turn of the event loop."""
        if not state.next_lookup:
            state.loop.call_soon(self._begin, state)
        state.next_lookup.append(LookupBatch(calls, contextvars.copy_context()))

    def _begin(self, state: LoopState) -> None:
        batches, state.next_lookup = state.next_lookup, []
        # The lookup is part of one of the readers' traces.
        state.begin(self._populate(state, batches), choose_traced_context(batch.context for batch in batches))

    async def _populate(self, state: LoopState, batches: Sequence[LookupBatch]) -> None:
        """End every call. Keys that the shared tier does not have are loaded for each batch apart."""
        try:
            found = await self.tiers.find([call.entry_key for batch in batches for call in batch.calls])
            for batch in batches:
                missing = [call for call in batch.calls if not self._resolve(call, *found[call.key])]
                if missing:
                    state.begin(self._load(state, missing), batch.context)
        except BaseException as error:
            for batch in batches:
                _reject_all(batch.calls, error)
            if not isinstance(error, Exception):
                raise

    def _resolve(self, call: Call, judgement: Judgement, fallback: CachedValue | None) -> bool:
        """Whether the shared tier has a value for the call; else the key has to be loaded."""
        value, outcome, refresh = judgement
        if value is not None:
            call.resolve(value, outcome)
            if refresh:
                self.refresher.schedule(call.entry_key, value.header, refresh)
            return True
        call.fallback = fallback
        if fallback is None or not self.tiers.backoff.has_failed(call.key):
            return False
        # Its load failed a moment ago: that is not tried again for each reader.
        emit("error_stale", call.entry_key.owner.name, call.key, reason="failed a moment ago")
        call.resolve(fallback.as_stale())
        return True

    async def _load(self, state: LoopState, calls: Sequence[Call]) -> None:
        try:
            await self.loader.load_missing(state, calls)
            for call in calls:
                # Another process had stored it meanwhile.
                if call.value is not None and call.refresh:
                    self.refresher.schedule(call.entry_key, call.value.header, call.refresh)
        except BaseException as error:
            _reject_all(calls, error)
            if not isinstance(error, Exception):
                raise


def _reject_all(calls: Iterable[Call], error: BaseException) -> None:
    for call in calls:
        call.reject(error)
