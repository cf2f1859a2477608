"""Store the result of a loader as an entry, if no invalidation overtook it and its parts were fresh."""

from typing import Any, NamedTuple

from .cutoff import expire_if_changed
from .dependencies import Dependencies
from .entry import CachedValue, Header, LoadedAbsence, Stamp
from .key import MAX_TAGS, EntryKey, warn_of_tags
from .policy import Times
from .tiers import Tiers


class LoadRecord(NamedTuple):
    """The circumstances of one run of a loader.

    begun         the stamp from before the run; None if its results may not be stored
    dependencies  the entries and tags that it read
    ended_at      Unix seconds
    cost          seconds for each key
    """

    begun: Stamp | None
    dependencies: Dependencies
    ended_at: float
    cost: float


class ResultStore:
    def __init__(self, tiers: Tiers) -> None:
        self.tiers = tiers

    async def store(
        self, entry_key: EntryKey, result: Any, record: LoadRecord, token: str | None, *, warmed: int = 0
    ) -> CachedValue:
        """Store the result, unless there is a reason to refuse it. Return the value for the reader in any case.

        `warmed`: the mark of the plan of warming that has loaded it.
        """
        owner, dependencies = entry_key.owner, record.dependencies
        times = self._times_of(entry_key, result, record)
        header = _header_of(entry_key, result, record, times, warmed)
        encoded = owner.encode_result(result)
        value = owner.to_cached_value(header, result, encoded)
        if refusal := _refusal_reason(owner.name, header, times, dependencies):
            await self.tiers.refuse(entry_key, refusal, token)
            is_stored = False
        else:
            begun = record.begun
            if owner.cutoff:
                begun = await expire_if_changed(self.tiers, entry_key, header, encoded, begun)
            is_stored = await self.tiers.store(entry_key, value, encoded, begun, token=token, largest=owner.largest)
        self.tiers.update_backoff(entry_key.key, is_stored=is_stored, weakly_stale=dependencies.weakly_stale)
        if result.absence is not None:
            value = LoadedAbsence.of(value, result.absence)
        # A value that was made of a stale part makes its own readers stale as well.
        return value.as_stale() if dependencies.stale or dependencies.weakly_stale else value

    def _times_of(self, entry_key: EntryKey, result: Any, record: LoadRecord) -> Times:
        """The times that the policy gives, but no longer than those of the oldest part."""
        times = entry_key.owner.times_of(result, record.ended_at, self.tiers.chance())
        stale_until = min(times.stale_until, record.dependencies.stale_until)
        return Times(
            fresh_until=min(times.fresh_until, record.dependencies.fresh_until),
            stale_until=stale_until,
            error_until=stale_until + times.error_until - times.stale_until,
        )


def _header_of(entry_key: EntryKey, result: Any, record: LoadRecord, times: Times, warmed: int) -> Header:
    now, dependencies = record.ended_at, record.dependencies
    return Header(
        made_at=now,
        # With a stale part shown in passing it is stored as stale: readers get it, and a refresh follows.
        fresh_until=min(times.fresh_until, now) if dependencies.weakly_stale else times.fresh_until,
        stale_until=times.stale_until,
        error_until=times.error_until,
        there=result.absence is None,
        cost=record.cost,
        tags=entry_key.owner.tags_of(entry_key, result, dependencies.tags),
        stamp=Stamp(""),
        warmed=warmed if result.absence is None else 0,
    )


def _refusal_reason(name: str, header: Header, times: Times, dependencies: Dependencies) -> str:
    """Why the entry must not be stored. Empty if it may be."""
    if dependencies.stale:
        return "made of a stale part"
    if times.fresh_until <= header.made_at:
        return "its time is up already"
    if len(header.tags) > MAX_TAGS:
        warn_of_tags(name, header.tags)
        return "too many tags"
    return ""
