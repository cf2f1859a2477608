"""The times at which a relay of each release last read the whole outbox, in the Redis of each log (I18).

Releases with other declarations append their own tags for each change. A release that no relay runs for misses the
tags of changes whose rows are deleted meanwhile. When it returns, as in a rollback, it first invalidates all watched
documents: it takes nothing that was stored before.
"""

import logging
from datetime import timedelta

from redis.exceptions import RedisError

from ..errors import CacheError
from ..invalidation import invalidate_sync, orderings
from ..ordering.log import InvalidationLog
from ..ordering.ordering import LogOrdering
from ..release import digest_of
from .declaration import digest_of_watches, watches
from .relay import KEPT

logger = logging.getLogger("content.caching")

# After that time its rows may be gone. Shorter than KEPT by the time between two notes, and that of a first look.
AWAY_AFTER = KEPT - timedelta(seconds=20)
# Declarations that are remembered. The oldest are forgotten.
MAX_NOTES = 100
RETURNED = (
    "This release was away while another ran, and may have missed changes. All watched documents are invalidated: "
    "they are loaded again at their next read."
)


def note_presence(*, is_caught_up: bool) -> bool:
    """Invalidate all watched documents if another release ran alone before. Then note that this one runs.

    Call it before the first read of a process, and every ten seconds where a relay runs. `is_caught_up`: the relay
    has just read the whole outbox. Without that a note is not renewed: it would hide rows that nobody has relayed.
    A log that does not answer is left for the next call. Returns whether it has invalidated.
    """
    has_invalidated = False
    for ordering in orderings(None):
        if isinstance(ordering, LogOrdering):
            try:
                has_invalidated |= _note(ordering.log, is_caught_up=is_caught_up)
            except (RedisError, OSError, CacheError) as error:
                logger.debug("the release is not noted: %s", error)
    return has_invalidated


def has_run() -> bool:
    """Whether a process of this release may have run on one of its logs. A log that does not answer says nothing."""
    logs = [ordering.log for ordering in orderings(None) if isinstance(ordering, LogOrdering)]
    try:
        return not logs or any(_has_note(log) for log in logs)
    except (RedisError, OSError, CacheError):
        return True


def _has_note(log: InvalidationLog) -> bool:
    with log.server.sync_client() as client:
        return bool(client.hexists(_key(log), _own_name()))


def _key(log: InvalidationLog) -> str:
    return f"{{{log.prefix}:declarations}}"


def _own_name() -> str:
    return digest_of(digest_of_watches())


def _note(log: InvalidationLog, *, is_caught_up: bool) -> bool:
    key, own = _key(log), _own_name()
    with log.server.sync_client() as client:
        now = int(client.time()[0])
        notes = {name.decode("ascii", "replace"): _seconds(at) for name, at in client.hgetall(key).items()}
        was_away = _was_away(notes, own, now)
        if was_away:
            logger.warning(RETURNED)
            invalidate_sync({tag for each in watches.values() for tag in each.coarse_tags})
        if was_away or is_caught_up or own not in notes:
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
