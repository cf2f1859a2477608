"""Memory and the shared tier as one store: look up, judge, remember, store. No other module stores entries.

Resources, fragments and pages go through here, so that the rules of docs/protocol.md are written once.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from .backoff import Backoff
from .entry import CachedValue, Entry, Header, Stamp, Unreadable, Verdict, pack, unpack
from .key import EntryKey, TierKey
from .metrics.events import emit, measure
from .ordering.ordering import Ordering
from .policy import Policy
from .stores.memory import MemoryTier, SizeEstimates, header_size
from .stores.shared import SharedTier
from .tracing import current_span_of, note, with_span
from .warm_plan import plan_of

# An entry is never refreshed earlier than this many times its load cost before its end.
EARLY_REACH = 15.0
# After this many reads in this process since it was stored, an entry is hot: it is refreshed ahead of its end.
HOT = 10


# The value that a reader may be given, None if nothing may be served; how the read is counted: hit, negative or
# stale; the reason to load again, "" for none. A plain tuple, since a named one costs a call more.
Judgement = tuple[CachedValue | None, str, str]
NOTHING: Judgement = (None, "", "")


class Tiers:
    """`clock` gives Unix seconds, `chance` a number in [0, 1). Without local verdicts there is no memory tier."""

    def __init__(
        self,
        shared: SharedTier,
        ordering: Ordering,
        memory: MemoryTier[CachedValue] | None,
        *,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.shared = shared
        self.ordering = ordering
        # The index that gives verdicts, if they are local.
        self.tag_index: Any = getattr(ordering, "tag_index", None)
        self.memory = memory if ordering.is_local else None
        self.clock = clock
        self.chance = chance
        self.backoff = Backoff(lambda: self.clock())
        self.sizes = SizeEstimates()

    # --- lookup -------------------------------------------------------------------------------------

    def peek(self, key: str) -> CachedValue | None:
        """The value in memory, whatever its times, with an up-to-date verdict. No I/O."""
        if self.memory is None or (held := self.memory.get(key)) is None:
            return None
        version = self.tag_index.version
        if held.version != version:
            verdict = self.ordering.judge_now(held.header)
            # Another thread may have judged by a later version meanwhile.
            if held.version < version:
                held.verdict, held.version = verdict, version
        return held

    @with_span("lookup")
    async def lookup(self, keys: Iterable[TierKey], *, again: bool = False) -> dict[str, CachedValue]:
        """The values in the shared tier, judged. With `again` lookup and unreadable bytes are not counted."""
        by_key = {entry_key.key: entry_key for entry_key in keys}
        began = time.perf_counter()
        stored = await self.shared.lookup(list(by_key))
        return await self.judge_stored(by_key, stored, None if again else time.perf_counter() - began)

    async def judge_stored(
        self, by_key: Mapping[str, TierKey], stored: Mapping[str, Any], seconds: float | None
    ) -> dict[str, CachedValue]:
        """The contents as values with their verdicts. `seconds`: how long the lookup took, None not to count it."""
        again = seconds is None
        _note_lookup(by_key, stored)
        if seconds is not None:
            _measure_lookups(by_key.values(), seconds)
        entries: dict[str, Entry] = {}
        for key, content in stored.items():
            try:
                entries[key] = unpack(content)
            except Unreadable as error:
                if not again:
                    emit("unreadable", by_key[key].owner.name, key, reason=str(error))
        if not entries:
            return {}
        verdicts = await self.ordering.judge([entry.header for entry in entries.values()])
        return {
            key: CachedValue(entry.header, entry.value, is_decoded=False, verdict=verdict)
            for (key, entry), verdict in zip(entries.items(), verdicts, strict=True)
        }

    async def find(self, keys: Sequence[EntryKey]) -> dict[str, tuple[Judgement, CachedValue | None]]:
        """Values of the shared tier with their judgements, by key. Beside a judgement of nothing: the fallback."""
        stored, found = await self.lookup(keys), dict[str, tuple[Judgement, CachedValue | None]]()
        for entry_key in keys:
            key = entry_key.key
            value = stored.get(key)
            judgement = self.accept(entry_key, value) if value is not None else NOTHING
            found[key] = judgement, self.find_fallback(key, value) if judgement is NOTHING else None
        return found

    def accept(self, entry_key: EntryKey, value: CachedValue, *, again: bool = False) -> Judgement:
        """Decode, judge and remember a value from the shared tier. `again` if its verdict is from before an await."""
        owner = entry_key.owner
        if again:
            self.update_verdict(value)
        if value.verdict is Verdict.INVALID or self.clock() >= value.header.stale_until:
            return NOTHING
        decoded = owner.decode_value(value)
        if decoded is None:
            if not again:
                emit("unreadable", owner.name, entry_key.key, reason="no such value")
            return NOTHING
        judgement = self.judge(owner.policy, decoded)
        if judgement is not NOTHING:
            encoded_size = 0 if value.is_decoded else len(value.value)
            self.remember(entry_key, decoded if owner.is_immutable else value, encoded_size=encoded_size)
        return judgement

    # --- judge --------------------------------------------------------------------------------------

    def judge(self, policy: Policy, value: CachedValue) -> Judgement:
        """Whether a reader who comes now may be given it, and whether to load it again. Changes nothing."""
        header, now = value.header, self.clock()
        if value.verdict is Verdict.VALID and now < header.fresh_until and self.ordering.is_heard:
            refresh = "ahead of its end" if self._is_refreshed_early(policy, value, now) else ""
            return value, "hit" if header.there else "negative", refresh
        if value.verdict is not Verdict.INVALID and now < header.stale_until:
            return value.as_stale(), "stale", "stale"
        return NOTHING

    def _is_refreshed_early(self, policy: Policy, value: CachedValue, now: float) -> bool:
        """Whether to refresh the value early: by the cost of its load, and if it is hot, this read included."""
        header, is_hot = value.header, value.reads + 1 >= HOT
        if now < value.no_refresh_before:
            return False
        if not is_hot and header.fresh_until - now >= header.cost * policy.early * EARLY_REACH:
            return False
        if policy.should_refresh_early(now, header.fresh_until, header.cost, 1 - self.chance()):
            return True
        return is_hot and now >= _refresh_ahead_from(policy, header)

    def stale_reason(self, value: CachedValue) -> str:
        if value.verdict is Verdict.EXPIRED:
            return "expired"
        return "its time is up" if self.clock() >= value.header.fresh_until else "the log is silent"

    def update_verdict(self, value: CachedValue) -> None:
        """A verdict from before an await may be from before an invalidation that a reader must see."""
        if self.ordering.is_local:
            value.verdict = self.ordering.judge_now(value.header)

    def may_serve_on_error(self, value: CachedValue) -> bool:
        """Whether the value may replace an error: until error_until, and never if it was invalidated (I6)."""
        self.update_verdict(value)
        return value.verdict is not Verdict.INVALID and self.clock() < value.header.error_until

    def find_fallback(self, key: str, found: CachedValue | None) -> CachedValue | None:
        """The last good value if loading fails: from memory, or what the shared tier had."""
        held = self.memory.get(key) if self.memory is not None else None
        for value in (held, found):
            if value is not None and self.may_serve_on_error(value):
                return value
        return None

    # --- remember and store -------------------------------------------------------------------------

    def remember(
        self, entry_key: TierKey, value: CachedValue, size: int | None = None, *, encoded_size: int = 0
    ) -> None:
        """Keep the value in memory. `size`: bytes that it takes there; None: estimated from `encoded_size`."""
        if self.memory is not None:
            header, policy = value.header, entry_key.owner.policy
            early_from = header.fresh_until - header.cost * policy.early * EARLY_REACH
            value.no_refresh_before = min(early_from, _refresh_ahead_from(policy, header))
            if size is None:
                size = self.sizes.size_of(entry_key.owner.name, value.value, encoded_size)
            self.memory.put(entry_key.key, value, size + header_size(header.tags))

    @with_span("store")
    async def store(
        self,
        entry_key: TierKey,
        value: CachedValue,
        encoded: bytes,
        begun: Stamp | None,
        *,
        size: int | None = None,
        token: str | None = None,
        largest: int | None = None,
    ) -> bool:
        """Seal the value and store it in both tiers. Whether this process has kept it.

        `value` has a header with its times and tags. `begun` is the stamp from before its load, None if there was no
        log. `size` is what the value takes in memory (None: estimated), `largest` the bound of the packed entry, both
        in bytes. `token` is that of the lease under which it was made; the lease ends here in any case.

        1. Seal: an invalidation since `begun` refuses the value (rule 2).
        2. Store in the shared tier, which compares the lease in the same step (I12).
        3. If that fails and the lease is another's by now, what they store is the entry: keep nothing.
        4. Else remember: without its shared tier a process keeps what it has made.
        """
        key, header = entry_key.key, value.header
        sealed = await self.ordering.seal(begun, header.tags) if begun is not None else None
        left = max(header.error_until, header.stale_until) - self.clock()
        if sealed is None or left <= 0:
            await self.refuse(entry_key, _refusal_reason(begun, sealed), token)
            return False
        value.header = header = header.with_stamp(sealed)
        content = pack(Entry(value.header, encoded))
        _note_store(entry_key, len(content))
        is_small = largest is None or len(content) <= largest
        if is_small and await self.shared.store(key, content, left, token):
            measure("store", entry_key.owner.name, 1)
            measure("stored_bytes", entry_key.owner.name, len(content))
            if header.warmed and header.fresh_until > self.clock():
                plan = plan_of(header.warmed).label
                measure("warmed", entry_key.owner.name, 1, plan)
                measure("warmed_bytes", entry_key.owner.name, len(content), plan)
        else:
            is_ours = token is None or await self.shared.holder(key) in (None, token)
            # The lease may have been taken before the tier went down: nobody shall wait for it afterwards.
            await self.refuse(entry_key, "its lease lapsed, or the tier is down" if is_small else "too large", token)
            if not is_ours:
                return False
        self.remember(entry_key, value, size, encoded_size=len(encoded))
        return True

    async def refuse(self, entry_key: TierKey, reason: str, token: str | None) -> None:
        """Count a value that is not stored, and end the lease under which it was made."""
        emit("refused", entry_key.owner.name, entry_key.key, reason=reason)
        note("evergreen.refused", reason)
        if token is not None:
            await self.shared.release(entry_key.key, token)

    def update_backoff(self, key: str, *, is_stored: bool, weakly_stale: bool = False) -> None:
        """Called after a load. One whose value was not stored is not repeated for each reader.

        While the log is silent a stored value is stale at once: its key is delayed as well. `weakly_stale`: made with
        something stale in passing, which is being loaded.
        """
        if is_stored and weakly_stale:
            self.backoff.delay(key, failed=False, brief=self.ordering.is_heard)
        elif is_stored and self.ordering.is_heard:
            self.backoff.reset(key)
        else:
            self.backoff.delay(key, failed=False)


def _refusal_reason(begun: Stamp | None, sealed: Stamp | None) -> str:
    if begun is None:
        return "no log is joined"
    return "overtaken by an invalidation" if sealed is None else "its time is up already"


def _note_lookup(by_key: Mapping[str, TierKey], stored: Mapping[str, Any]) -> None:
    """Set attributes on the span of a lookup: one batch, not each command to Redis."""
    if by_key and (span := current_span_of("lookup")) is not None:
        name = next(iter(by_key.values())).owner.name
        span.rename(f"lookup {name}")
        span.set("evergreen.cache.name", name)
        span.set("evergreen.keys", len(by_key))
        span.set("evergreen.found", len(stored))


def _note_store(entry_key: TierKey, size: int) -> None:
    if (span := current_span_of("store")) is not None:
        span.rename(f"store {entry_key.owner.name}")
        span.set("evergreen.cache.name", entry_key.owner.name)
        span.set("evergreen.bytes", size)


def _measure_lookups(keys: Collection[TierKey], seconds: float) -> None:
    """One lookup of many keys: a share for each."""
    if len(keys) == 1:
        [entry_key] = keys
        measure("lookup", entry_key.owner.name, 1)
        measure("lookup_seconds", entry_key.owner.name, seconds)
        return
    for name, count in Counter(entry_key.owner.name for entry_key in keys).items():
        measure("lookup", name, count)
        measure("lookup_seconds", name, seconds * count / len(keys))


def _refresh_ahead_from(policy: Policy, header: Header) -> float:
    """The time, in Unix seconds, from which a hot entry is loaded again although it is fresh."""
    return header.fresh_until - (header.fresh_until - header.made_at) * policy.ahead
