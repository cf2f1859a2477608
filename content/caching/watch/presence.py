"""When a relay of each release last ran, in the Redis of each log (I18).

Releases with other declarations append their own tags for each change. A release that no relay runs for misses the
tags of changes whose rows are deleted meanwhile. When it returns, as in a rollback, it first invalidates all watched
documents: it takes nothing that was stored before.
"""

import hashlib
import logging
from datetime import timedelta

from redis.exceptions import RedisError

from ..errors import CacheError
from ..invalidation import invalidate_sync, orderings
from ..ordering.log import InvalidationLog
from ..ordering.ordering import LogOrdering
from .declaration import digest_of_watches, watches
from .relay import KEPT

logger = logging.getLogger("content.caching")

# After that its rows may be gone. Shorter than KEPT by the time between two notes, and that of a first look.
AWAY_AFTER = KEPT - timedelta(seconds=20)
# Declarations that are remembered. The oldest are forgotten.
MAX_NOTES = 100


def note_presence() -> bool:
    """Note that this release runs. Invalidate all watched documents first, if another ran alone before.

    Call it before the first read of a process, and every ten seconds where a relay runs. A log that does not answer
    is left for the next call. Returns whether it has invalidated.
    """
    has_invalidated = False
    for ordering in orderings(None):
        if isinstance(ordering, LogOrdering):
            try:
                has_invalidated |= _note(ordering.log)
            except (RedisError, OSError, CacheError) as error:
                logger.debug("the release is not noted: %s", error)
    return has_invalidated


def _note(log: InvalidationLog) -> bool:
    key, own = f"{{{log.prefix}:declarations}}", own_declarations()
    with log.server.sync_client() as client:
        now = int(client.time()[0])
        notes = {name.decode("ascii", "replace"): _seconds(at) for name, at in client.hgetall(key).items()}
        was_away = _was_away(notes, own, now)
        if was_away:
            logger.warning("This release returns, and misses changes: all watched documents are invalidated.")
            invalidate_sync({tag for each in watches.values() for tag in each.coarse_tags})
        client.hset(key, own, now)
        old = sorted(notes.keys() - {own}, key=notes.__getitem__, reverse=True)[MAX_NOTES:]
        if old:
            client.hdel(key, *old)
    return was_away


def _was_away(notes: dict[str, int], own: str, now: int) -> bool:
    """A release that was never here has stored nothing. One that ran alone has all its rows."""
    if own not in notes:
        return False
    others = max((at for name, at in notes.items() if name != own), default=0)
    return notes[own] < others and notes[own] < now - AWAY_AFTER.total_seconds()


def _seconds(text: bytes) -> int:
    """Unix seconds; 0 for anything else, as long ago."""
    return int(text) if text.isdigit() and len(text) < 12 else 0


def own_declarations() -> str:
    """A name of this release's declarations."""
    return hashlib.sha256(digest_of_watches().encode()).hexdigest()[:12]
