from collections.abc import Iterable

from django.db import transaction

from content.caching import CacheError, invalidate_sync
from content.caching.key import checked_tags
from content.invalidation.outbox import deliver, write_down


def invalidate_on_commit(tags: Iterable[str]) -> None:
    """Invalidate the tags once the current transaction has committed; at once outside of one.

    Before the commit would be too early: a reader could load the old row again and keep it. The write is done by
    then, so a cache that is out of reach is no error of the writer's: the outbox keeps what it could not be told.
    Raises TypeError and ValueError for tags that are no list of strings, before anything is written.
    """
    wanted = frozenset(checked_tags(tags))
    if not wanted:
        return
    if transaction.get_connection().in_atomic_block:
        row = write_down(wanted)
        transaction.on_commit(lambda: deliver(row))
        return
    try:
        invalidate_sync(wanted)
    except CacheError:
        write_down(wanted)
