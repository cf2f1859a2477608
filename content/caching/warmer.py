"""Load many entries before anyone asks: one lookup, one round of leases, one load_many, one store, one read back.

A key that another process loads is not loaded a second time (I2).
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from .entry import CachedValue, Verdict
from .key import EntryKey
from .loader import BACKGROUND_LEASE, Loader
from .singleflight import LoopStates
from .tiers import Tiers

# Seconds to wait for the keys that other processes load. A lease whose holder was killed lapses before.
LONGEST_WAIT = BACKGROUND_LEASE + 4.0
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
        seen_at = {each: stored[each.key].header.made_at if each.key in stored else 0.0 for each in due}
        errors = await self.load(seen_at, timeout=LONGEST_WAIT)
        results = {key: self._result(stored.get(key)) for key in wanted}
        if due:
            again = await self.tiers.lookup(due, again=True)
            for key in (each.key for each in due):
                error = errors.get(key)
                results[key] = self._result(again.get(key))._replace(is_loaded=key in errors, error=error)
        return results

    async def load(
        self, seen_at: Mapping[EntryKey, float], *, timeout: float = 0.0
    ) -> dict[str, BaseException | None]:
        """Load keys of which nothing newer is stored than was made at `seen_at` (Unix seconds; 0: nothing).

        They are one batch. If that fails, its keys are loaded one by one. Waits `timeout` seconds for keys that other
        processes load. Returns the errors, or None, of the keys that were loaded here.
        """
        errors, failures_in_a_row = await self._load(seen_at, timeout), 0
        failed = [entry_key for entry_key in seen_at if errors.get(entry_key.key) is not None]
        for entry_key in failed if len(seen_at) > 1 else ():
            errors |= await self._load({entry_key: seen_at[entry_key]}, timeout)
            failures_in_a_row = failures_in_a_row + 1 if errors[entry_key.key] is not None else 0
            if failures_in_a_row == MOST_FAILURES:
                break
        return errors

    async def _load(self, seen_at: Mapping[EntryKey, float], timeout: float) -> dict[str, BaseException | None]:
        def is_done(entry_key: EntryKey, value: CachedValue) -> bool:
            return value.is_newer_than(seen_at[entry_key])

        state = self.loops.current()
        calls = await self.loader.load_batch(state, seen_at, is_done, reason="warm", timeout=timeout)
        return {call.key: call.error for call in calls}

    def _fresh_for(self, value: CachedValue | None) -> float:
        if value is None or value.verdict is not Verdict.VALID or not self.tiers.ordering.is_heard:
            return 0.0
        return max(0.0, value.header.fresh_until - self.tiers.clock())

    def _result(self, value: CachedValue | None) -> WarmResult:
        return WarmResult(self._fresh_for(value), there=value is None or value.header.there)
