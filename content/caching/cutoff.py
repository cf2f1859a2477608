"""Early cutoff: a derived value (a ranking, a count) that was made again and came out the same makes nothing stale.

Values that show it in passing carry its value tag, and no tag of what it is made of. Rule 21 of docs/protocol.md:

1. The tag is expired before the new value is stored. A process that dies between both has made too much stale.
2. The new value is compared with a stored one that is not behind the last record of that tag. If there is none, it
   counts as changed.
3. `read_derived_values`, called for as long as a process lives, makes values again that no reader asks for.

A value that has changed is stored at the position of its own record, if nothing that it depends on was invalidated
up to there; else the next comparison would find it behind that record.

So a valid value shows in passing what is stored now. A load past the cache leaves those values in their place, and
its comparison with a stored value is exact.
"""

import asyncio
import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from .declarations import resources
from .dependencies import track_dependencies, trackers
from .entry import CachedValue, Header, Stamp, Verdict
from .errors import CacheError, NotThere
from .key import EntryKey, Parameters, value_tag
from .ordering.tag_index import Kind
from .tiers import Tiers
from .transactions import bypass

logger = logging.getLogger("content.caching")


async def expire_if_changed(
    tiers: Tiers, entry_key: EntryKey, header: Header, encoded: bytes, begun: Stamp | None
) -> Stamp | None:
    """Expire what shows the value in passing, unless the stored value is the same. Returns the stamp to store it by.

    None if the log refuses the record: the value must not be stored then. On tag counters it does nothing, since
    values there are shown by their own tags.
    """
    ordering, tag = tiers.ordering, value_tag(entry_key.key)
    if begun is None or not ordering.is_local:
        return begun
    stored = (await tiers.lookup([entry_key], again=True)).get(entry_key.key)
    if stored is not None and _is_same(tiers, stored, header, encoded, tag):
        return begun
    try:
        record = await _expire(tiers, tag)
    except CacheError:
        return None
    known = await ordering.begin()
    if record is None or known is None or known.epoch != record.epoch or known.position < record.position:
        # This process has not read up to its own record yet.
        return begun
    others = tuple(each for each in header.tags if each != tag)
    return record if _judge(tiers, begun, others) is Verdict.VALID else begun


async def _expire(tiers: Tiers, tag: str) -> Stamp | None:
    if asyncio._get_running_loop() is None:
        return tiers.ordering.append_sync(Kind.EXPIRE, [tag])
    return await tiers.ordering.append(Kind.EXPIRE, [tag])


def _is_same(tiers: Tiers, stored: CachedValue, header: Header, encoded: bytes, tag: str) -> bool:
    is_known = _judge(tiers, stored.header.stamp, (tag,)) is Verdict.VALID
    return is_known and stored.header.there == header.there and stored.value == encoded


def _judge(tiers: Tiers, stamp: Stamp, tags: tuple[str, ...]) -> Verdict:
    verdict: Verdict = tiers.tag_index.judge(stamp, tags)
    return verdict


async def read_derived_values() -> None:
    """Read every derived value that has no parameters, so that one that has ended is made again and compared.

    Call it after records, and at times. An error of a loader is logged, and tried again at the next call.
    """
    for resource in list(resources.values()):
        if resource.cutoff and resource.arity == 0:
            try:
                await resource.get()
            except NotThere:
                pass
            except Exception as error:
                logger.warning("%s cannot be made again, and what shows it stays as it is: %s", resource.name, error)


async def keep_derived_values(seconds: float) -> None:
    """Read them again and again, that many seconds apart, until cancelled: for a server without workers."""
    while True:
        await asyncio.sleep(seconds)
        await read_derived_values()


class PastCache:
    """One load past the cache. `seconds`: of its statements. `is_exact`: all that it shows in passing was stored."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.is_exact = True


current_load: ContextVar[PastCache | None] = ContextVar("current_load", default=None)


@contextmanager
def past_cache(load: PastCache) -> Iterator[None]:
    """Reads within the block load, and store nothing. The tiers give what is shown in passing."""
    token = current_load.set(load)
    try:
        with bypass(), track_dependencies():
            yield
    finally:
        current_load.reset(token)


async def find_shown(tiers: Tiers, entry_keys: Collection[EntryKey]) -> dict[Parameters, Any]:
    """The results that a reader of what is shown in passing would get from the tiers now, by parameters."""
    load, reads = current_load.get(), trackers.get()
    if load is None or not reads or not reads[-1].in_passing:
        return {}
    found = {each.parameters: value for each in entry_keys if (value := await _find(tiers, each)) is not None}
    load.is_exact = load.is_exact and len(found) == len({each.parameters for each in entry_keys})
    return found


async def _find(tiers: Tiers, entry_key: EntryKey) -> Any:
    owner, shown = entry_key.owner, _current(tiers, entry_key, tiers.peek(entry_key.key))
    if (shown is None or shown.stale) and asyncio._get_running_loop() is not None:
        stored = (await tiers.lookup([entry_key], again=True)).get(entry_key.key)
        shown = _current(tiers, entry_key, stored) or shown
    decoded = owner.decode_value(shown) if shown is not None else None
    return owner.result_of(decoded) if decoded is not None else None


def _current(tiers: Tiers, entry_key: EntryKey, value: CachedValue | None) -> CachedValue | None:
    """The value as a reader gets it; None behind a record that makes stale what showed it in passing.

    Memory may still have such a value where no reader has asked for a newer one.
    """
    owner: Any = entry_key.owner
    served = tiers.judge(owner.policy, value)[0] if value is not None else None
    if served is None:
        return None
    tags = owner.tags_in_passing(entry_key) or served.header.tags
    return served if _judge(tiers, served.header.stamp, tags) is Verdict.VALID else None
