"""Cutover from one release to the next: warm this one beside the other, before any process of it serves readers.

A worker of this release does that. Where none lives, the caller of `prepare` runs the control loop in its place: each
process tries to own the loop, so there is one for each release, and loops of two releases share one budget.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from redis.exceptions import RedisError

from content.caching.engines import engine_of
from content.caching.release import release_digest
from content.warming.coverage import Share
from content.warming.keeper import keep_warm
from content.warming.releases import NoReleases, read_own_share, read_processes
from content.warming.state import ALIAS, WarmState, read_state

logger = logging.getLogger(__name__)

# The hottest entries of which a share must be fresh.
SET = "1000"
# Seconds between two looks.
LOOK = 0.5
# Seconds that pages which are being made may take at the end.
LONGEST_PAGE = 5.0
# Seconds that a new process waits for the first report of its release's loop. Reports are of the last second.
GRACE, LIVES = 5.0, 5.0

Look = Callable[[], Awaitable[Share | None]]


async def look() -> Share | None:
    """The fresh share of what is hot, or of the whole site while nothing is. None if nothing can be said."""
    try:
        share = await read_own_share(SET)
        return share if share is None or share.entries else await read_site_share()
    except (RedisError, OSError) as error:
        logger.info("Cannot see how warm this release is; retrying: %s", error)
        return None


async def read_site_share() -> Share:
    """The fresh share of what has room, empty before a round over the site has ended. Raises the cache's errors."""
    state = await read_loop()
    if state is None or state.pass_seconds is None:
        return Share()
    return Share(state.site_warm, max(0, state.site - state.left_out))


async def read_loop() -> WarmState | None:
    """The report of this release's loop, None if no process runs it. Raises the cache's errors."""
    state = await read_state()
    return state if state is not None and abs(time.time() - state.at) < LIVES else None


def is_covered(share: Share | None, wanted: float) -> bool:
    """Whether that share is fresh. False while nothing is known to be there."""
    return share is not None and share.entries > 0 and share.ratio >= wanted


async def prepare(
    wanted: float,
    seconds: float,
    progress: Callable[[Share | None], None],
    *,
    look: Look = look,
    work: Callable[[], Awaitable[None]] = keep_warm,
) -> Share | None:
    """Warm this release until that share of its hottest entries is fresh, or the time is up. Returns the last look.

    While nothing is hot, until that share of the whole site is.
    `progress` is called with each look.
    """
    working = asyncio.ensure_future(work())
    try:
        return await _wait(wanted, seconds, look, progress)
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        # Pages that are being made are stored, and their leases end.
        if making := set(engine_of(ALIAS).loop_state().tasks):
            await asyncio.wait(making, timeout=LONGEST_PAGE)


async def _wait(wanted: float, seconds: float, look: Look, progress: Callable[[Share | None], None]) -> Share | None:
    deadline = time.monotonic() + seconds
    while True:
        share = await look()
        progress(share)
        if is_covered(share, wanted) or time.monotonic() >= deadline:
            return share
        await asyncio.sleep(min(LOOK, max(0.0, deadline - time.monotonic())))


# --- a new process ---------------------------------------------------------------------------------------


async def wait_until_warm(
    wanted: float,
    seconds: float,
    *,
    look: Look = look,
    grace: float = GRACE,
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """Wait until that share of this release's hottest entries is fresh. Returns why the wait ended.

    While nothing is hot, that share of the whole site. It waits while another release serves readers, and a loop of
    this one makes progress possible; never longer than `seconds`. Alone, a process must serve at once, however cold.
    """
    began = clock()
    while wanted > 0:
        if not await _is_another_served():
            return "no other release serves readers"
        share = await look()
        if is_covered(share, wanted):
            return "enough of its hottest entries are fresh"
        if clock() - began >= grace and not await _has_loop():
            return "no worker of this release keeps it warm"
        if clock() - began >= seconds:
            return f"{seconds:g} s have passed"
        await asyncio.sleep(LOOK)
    return "no coverage is asked for"


async def _is_another_served() -> bool:
    """Whether a process of another release serves readers. False if that is unknown."""
    try:
        return any(each.has_readers and each.release != release_digest() for each in await read_processes())
    except (NoReleases, RedisError, OSError):
        return False


async def _has_loop() -> bool:
    try:
        return await read_loop() is not None
    except (RedisError, OSError):
        return False
