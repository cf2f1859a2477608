"""The report of the control loop, for `cache_stats` and dashboards. It is stored in the cache."""

import logging
import time
from collections.abc import Iterator

import msgspec
from django.core.cache import caches
from django.db import DatabaseError, InterfaceError

from content.caching.errors import Unreadable
from content.caching.release import release_digest
from content.caching.serializer import decode
from content.warming.coverage import HOT, Coverage, measure_coverage
from content.warming.hot_set import MOST

logger = logging.getLogger(__name__)

ALIAS = "default"
# Seconds after which a report is of a loop that has ended.
EXPIRES = 30
# Seconds for which its coverage says what is fresh now.
RECENT = 5.0


class WarmState(msgspec.Struct, frozen=True):
    """Entries of the hot set and of the whole site: how many should be warm, and how many are.

    host, pid, at  the process that runs the loop, and when it reported (Unix seconds)
    left_out       entries without room in the budget
    evicted        entries that Redis evicted, and nobody has read since
    mean_size      bytes that an entry takes in Redis; None before any was seen
    budget         bytes for warm entries; None without a bound
    limit          loads at once; below one a share of the time
    pass_seconds   of the last round over the whole site; None before the first has ended
    coverage       of the sets of the hottest entries, and of the site, by kind
    """

    host: str
    pid: int
    at: float
    hot: int
    hot_warm: int
    site: int
    site_warm: int
    left_out: int
    evicted: int
    mean_size: float | None
    budget: int | None
    limit: float
    pass_seconds: float | None
    coverage: Coverage = Coverage()


_decoder = msgspec.json.Decoder(WarmState)


def _key(release: str) -> str:
    return f"warming:state:{release}"


async def store_state(state: WarmState) -> None:
    """Raises the cache's errors."""
    await caches[ALIAS].aset(_key(release_digest()), msgspec.json.encode(state).decode(), timeout=EXPIRES)


async def read_state(release: str | None = None) -> WarmState | None:
    """The report of the loop of a release (by default this one), None without one. Raises the cache's errors."""
    stored = await caches[ALIAS].aget(_key(release_digest() if release is None else release))
    try:
        state = decode(_decoder.decode, stored) if isinstance(stored, str) else None
    except Unreadable:
        return None
    return state and msgspec.structs.replace(state, coverage=state.coverage.readable())


async def read_coverage(most: int = MOST) -> Coverage | None:
    """The fresh share in Redis now, by set and kind, for reports. Raises the cache's errors.

    The control loop of this release knows it, at most RECENT seconds old; else the headers of the `most`
    hottest entries are read here. None if nothing can be said.
    """
    state = await read_state()
    if state is not None and abs(time.time() - state.at) < RECENT and state.coverage.has(HOT):
        return state.coverage
    try:
        return await measure_coverage(most)
    except (DatabaseError, InterfaceError) as error:
        logger.warning("Cannot read from the database which entries are hot, so coverage is not known: %s", error)
        return None


# --- in sentences -----------------------------------------------------------------------------------------


def describe_warming(state: WarmState | None, paused_for: float) -> Iterator[str]:
    """Lines for `cache_stats`: whether the loop runs, what is warm, and how much of the site fits."""
    if paused_for:
        yield f"Background warming is paused for {paused_for:.0f} s more; warm_cache --go-on ends the pause."
    if state is None:
        if not paused_for:
            yield "No worker of this release warms the cache: no first reader is spared a wait. Start a worker."
        return
    yield f"Process {state.pid} on {state.host} keeps the cache warm, with {state.limit:.2g} loads at once."
    yield f"Of the {state.hot:,} entries that are read most, {state.hot_warm:,} are fresh."
    if state.pass_seconds is None:
        yield f"The first round over the site has come to {state.site:,} entries; {state.site_warm:,} are fresh."
    else:
        yield f"Of all {state.site:,} entries of the site, {state.site_warm:,} are fresh."
    if state.mean_size is not None:
        yield from describe_size(state, state.mean_size)


def describe_size(state: WarmState, mean_size: float) -> Iterator[str]:
    needed = mean_size * state.site
    yield f"An entry takes {mean_size / 1024:.1f} KiB in Redis; the whole site takes {in_mebibytes(needed)}."
    if state.budget is None:
        yield "Redis has no maxmemory, so all of it is kept."
    elif state.left_out:
        yield f"The budget is {in_mebibytes(state.budget)}: {state.left_out:,} entries, read least, do not fit."
    else:
        yield f"It fits into the budget of {in_mebibytes(state.budget)}."
    if state.evicted:
        yield f"Redis has evicted {state.evicted:,} entries that nobody has read since. Give it more memory."


def in_mebibytes(size: float) -> str:
    return f"{size / 1024 / 1024:.1f} MiB"
