import logging
from collections.abc import Iterable

from django.db import transaction

from content.caching import invalidate_sync

logger = logging.getLogger(__name__)


def invalidate_on_commit(tags: Iterable[str]) -> None:
    """Invalidate the tags once the current transaction has committed; at once outside of one.

    Before the commit would be too early: a reader could load the old row again and keep it.
    """
    wanted = frozenset(tags)
    if wanted:
        transaction.on_commit(lambda: invalidate_or_log(wanted))


def invalidate_or_log(tags: frozenset[str]) -> None:
    """The write is done by now, so a cache that is out of reach must not turn it into an error."""
    try:
        invalidate_sync(tags)
    except Exception:
        logger.exception("Not invalidated, stale until their time is up: %s", ", ".join(sorted(tags)))
