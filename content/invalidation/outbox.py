"""Invalidations that outlive the process that wrote: rows of the writer's transaction, relayed until they are done.

1. The row is written in the transaction whose change it is for: no commit without it.
2. After the commit the writer's process appends it to the log, and notes the epoch of the log on the row.
3. Whoever relays appends what was left without an epoch: its writer died, or the log refused.
4. It appends again what went to an epoch that is gone: a server that was promoted may lack the record (rule 12).

An append that comes twice does no harm. Rows are taken because they are there, never by a number that grows:
transactions do not commit in the order of their numbers.
"""

import logging
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from content.caching import CacheError, invalidate_sync
from content.caching.declarations import resources
from content.caching.engines import engine_of
from content.caching.key import checked_tags, resource_tag
from content.models import PendingInvalidation

logger = logging.getLogger(__name__)

# The writer's own append is on its way for so long; after that the row is anybody's.
WRITERS_TIME = timedelta(seconds=1)
# How long after its append a row is kept, for a log that loses its latest records.
KEPT = timedelta(minutes=10)
ROWS_A_RUN = 1000
# After so many refusals in a row the log is down, and a run ends. Fewer are rows of which each is refused for itself.
MOST_REFUSALS = 3


def write_down(tags: Iterable[str]) -> PendingInvalidation:
    """In the current transaction, if there is one."""
    return PendingInvalidation.objects.create(nonce=secrets.token_hex(8), tags=sorted(tags))


def deliver(row: PendingInvalidation) -> bool:
    """Append it, and note where. False, with a word in the log, when it has to be tried again."""
    epoch = current_epoch()
    try:
        invalidate_sync(readable_tags(row), nonce=row.nonce)
    except CacheError as error:
        logger.warning("An invalidation waits: %s", error)
        return False
    PendingInvalidation.objects.filter(pk=row.pk).update(epoch=epoch)
    return True


def readable_tags(row: PendingInvalidation) -> Iterable[str]:
    """The tags of a row. If one cannot be read, the tags of all resources: what it named is not known (rule 17)."""
    try:
        return checked_tags(row.tags)
    except (TypeError, ValueError) as error:
        logger.error(
            "Row %s of the outbox has tags that cannot be read, so all entries are invalidated: %s", row.pk, error
        )
        return [resource_tag(name) for name in (*resources, "page")]


def relay(now: datetime | None = None) -> int:
    """Append what waits, forget what is long done; how many were appended."""
    now = now or timezone.now()
    epoch = current_epoch()
    PendingInvalidation.objects.filter(epoch=epoch, created_at__lt=now - KEPT).exclude(epoch="").delete()
    appended = refused = 0
    for row in waiting(epoch, now)[:ROWS_A_RUN]:
        if deliver(row):
            appended, refused = appended + 1, 0
        else:
            refused += 1
        if refused == MOST_REFUSALS:
            break
    return appended


def waiting(epoch: str, now: datetime) -> QuerySet[PendingInvalidation]:
    never = Q(epoch="", created_at__lt=now - WRITERS_TIME)
    return PendingInvalidation.objects.filter(never | ~Q(epoch__in=["", epoch])).order_by("pk")


def current_epoch() -> str:
    """Of the log that this process follows. Where tags are counters there is none, and one word stands for all."""
    tag_index = getattr(engine_of("default").ordering, "tag_index", None)
    return (tag_index.epoch or "lost") if tag_index is not None else "counters"
