"""Load many entries before anyone asks: one lookup, one round of leases, one load_many, one store, one read back.

Readers are never slowed: a key that another process loads is waited for, and not loaded a second time (I2).
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .entry import CachedValue, Verdict
from .key import EntryKey
from .loader import LEASE, Loader
from .singleflight import Call, LoopStates
from .tiers import Tiers

# Seconds to wait for the keys that other processes load. A lease whose holder was killed lapses before.
LONGEST_WAIT = LEASE + 4.0
# Where a batch has failed, its keys are loaded one by one, until so many in a row have failed as well.
MOST_FAILURES = 3


class WarmResult(NamedTuple):
    """The outcome of warming one key.

    fresh_for  seconds for which the entry is fresh, as read back from the shared tier; 0 if it is not
    is_loaded  whether this call loaded it
    there      False for an entry that says "not there"
    error      what its load raised, or None
    """

    fresh_for: float
    is_loaded: bool = False
    there: bool = True
    error: BaseException | None = None


class Warmer:
    def __init__(self, tiers: Tiers, loader: Loader, loops: LoopStates) -> None:
        self.tiers = tiers
        self.loader = loader
        self.loops = loops

    async def warm(self, keys: Iterable[EntryKey], margin: float) -> dict[str, WarmResult]:
        """Load the keys that are missing, or stay fresh for less than `margin` seconds. Results by key.

        Each result was read back. Errors of loaders are in the results; those of the tiers are raised. The keys are
        one batch, with one `load_many` for each resource: give a few hundred.
        """
        wanted = {entry_key.key: entry_key for entry_key in keys}
        stored = await self.tiers.lookup(wanted.values(), again=True)
        due = [each for key, each in wanted.items() if self._fresh_for(stored.get(key)) < margin]
        errors = await self._load(due)
        results = {key: self._result(stored.get(key)) for key in wanted}
        if due:
            again = await self.tiers.lookup(due, again=True)
            for key in (each.key for each in due):
                error = errors.get(key)
                results[key] = self._result(again.get(key))._replace(is_loaded=key in errors, error=error)
        return results

    async def _load(self, keys: Sequence[EntryKey]) -> dict[str, BaseException | None]:
        """Load each key here, unless another process stores it meanwhile. The errors of those loaded here, by key."""
        pending, began = {entry_key.key: entry_key for entry_key in keys}, self.tiers.clock()
        lease, errors = self.loader.new_lease(), dict[str, BaseException | None]()

        async def look(keys: Sequence[str]) -> dict[str, CachedValue]:
            return await self.tiers.lookup([pending[key] for key in keys], again=True)

        async def settle(ours: list[str], found: dict[str, CachedValue]) -> list[str]:
            done = {key for key, value in found.items() if self._is_newer(value, began)}
            mine = [pending[key] for key in ours if key not in done]
            await lease.release([key for key in ours if key in done])
            for key in {*ours, *done}:
                del pending[key]
            if mine:
                state = self.loops.current()
                calls = [Call(entry_key, state.loop) for entry_key in mine]
                await self.loader.run(state, calls, lease)
                errors.update((call.key, call.error) for call in calls)
            return list(pending)

        if pending:
            await lease.contend(list(pending), look, settle, timeout=LONGEST_WAIT)
        failed = [entry_key for entry_key in keys if errors.get(entry_key.key) is not None]
        if failed and len(keys) > 1:
            errors |= await self._load_alone(failed)
        return errors

    async def _load_alone(self, keys: Sequence[EntryKey]) -> dict[str, BaseException | None]:
        """One that fails must not fail its whole batch."""
        errors, in_a_row = dict[str, BaseException | None](), 0
        for entry_key in keys:
            if in_a_row >= MOST_FAILURES:
                break
            errors |= await self._load([entry_key])
            in_a_row = in_a_row + 1 if errors.get(entry_key.key) is not None else 0
        return errors

    def _is_newer(self, value: CachedValue, began: float) -> bool:
        return value.header.made_at >= began and self._fresh_for(value) > 0

    def _fresh_for(self, value: CachedValue | None) -> float:
        if value is None or value.verdict is not Verdict.VALID or not self.tiers.ordering.is_heard:
            return 0.0
        return max(0.0, value.header.fresh_until - self.tiers.clock())

    def _result(self, value: CachedValue | None) -> WarmResult:
        return WarmResult(self._fresh_for(value), there=value is None or value.header.there)
