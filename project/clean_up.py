"""`manage.py clean_up`: remove rows and files that would grow without a bound, each day. See docs/operating.md."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from content.caching.watch import relay
from content.purging.row import prune_purges
from content.services.ops_requests import prune_requests
from content.services.orphans import find_halves, find_orphans
from content.warming.runs import prune_runs

# Rows that one transaction deletes.
BATCH = 1000
# Files that one run removes.
MOST_FILES = 1000
# The admin keeps its log of changes for two years.
KEPT_HISTORY = timedelta(days=730)


@dataclass(frozen=True)
class Removed:
    """The rows or files of one kind that were removed, or would be. `is_whole`: none is left for the next run."""

    what: str
    count: int
    is_whole: bool = True


def clean_up(*, seconds: float, with_media: bool, dry_run: bool) -> Iterator[Removed]:
    """Remove expired rows and unused files, kind by kind, until `seconds` have passed. `dry_run`: count them only."""
    deadline = time.monotonic() + seconds
    now = timezone.now()
    expired = Session.objects.filter(expire_date__lt=now)
    yield delete_rows("expired sessions", expired, deadline, dry_run)
    history = LogEntry.objects.filter(action_time__lt=now - KEPT_HISTORY)
    yield delete_rows("entries of the admin's history that are two years old", history, deadline, dry_run)
    # Processes prune these too, whenever they add to them.
    yield Removed("old runs of warming", prune(prune_runs, dry_run))
    yield Removed("old purges", prune(prune_purges, dry_run))
    yield Removed("old requests to the operators' API", prune(prune_requests, dry_run))
    yield Removed("changes that were relayed", prune(relay.prune, dry_run))
    root = Path(settings.MEDIA_ROOT)
    yield delete_files("halves of media files", find_halves(root), deadline, dry_run)
    if with_media:
        yield delete_files("media files that nothing uses", find_orphans(root), deadline, dry_run)


def delete_rows(what: str, rows: QuerySet[Session] | QuerySet[LogEntry], deadline: float, dry_run: bool) -> Removed:
    if dry_run:
        return Removed(what, rows.count())
    count = 0
    while keys := [row.pk for row in rows.only("pk")[:BATCH]]:
        if time.monotonic() > deadline:
            return Removed(what, count, is_whole=False)
        rows.filter(pk__in=keys).delete()
        count += len(keys)
    return Removed(what, count)


def prune(delete: Callable[[], int], dry_run: bool) -> int:
    """Delete old rows, and return their number. A dry run is rolled back."""
    with transaction.atomic():
        count = delete()
        if dry_run:
            transaction.set_rollback(True)
    return count


def delete_files(what: str, files: Iterator[Path], deadline: float, dry_run: bool) -> Removed:
    count = 0
    for path in islice(files, MOST_FILES):
        if time.monotonic() > deadline:
            return Removed(what, count, is_whole=False)
        if not dry_run:
            path.unlink(missing_ok=True)
        count += 1
    return Removed(what, count, is_whole=count < MOST_FILES)
