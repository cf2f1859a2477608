"""Recent failures: targets that runs could not warm, purges that failed, and changes that were set aside."""

from datetime import datetime

from django.utils import timezone

from content.caching.watch.models import WatchedChange
from content.models import Purge, WarmFailure
from content.ops.panels.invalidations import in_age
from content.ops.panels.panel import Reading, Row, Source, numbers, texts
from content.ops.state.database import query
from content.purging.row import describe_selection

SHOWN = 6
COLUMNS = (*texts("What"), *numbers("When"), *texts("Reason"))


async def read_failures() -> Reading:
    """Raises an error of the database."""
    return await query(describe_failures)


def describe_failures() -> Reading:
    found = [*list_failed_targets(), *list_failed_purges(), *list_changes_set_aside()]
    rows = tuple(
        Row((what, f"{in_age((timezone.now() - at).total_seconds())} ago", reason), state="bad")
        for at, what, reason in sorted(found, reverse=True)
    )
    return Reading(COLUMNS, rows, "" if rows else "No failures are recorded.")


Failure = tuple[datetime, str, str]


def list_failed_targets() -> list[Failure]:
    rows = WarmFailure.objects.select_related("run").order_by("-pk")[:SHOWN]
    return [(row.run.ended_at or row.run.created_at, f"{row.target} (run {row.run_id})", row.reason) for row in rows]


def list_failed_purges() -> list[Failure]:
    rows = Purge.objects.filter(state=Purge.State.FAILED)[:SHOWN]
    return [(row.created_at, f"purge {row.pk} of {describe_selection(row)}", row.message) for row in rows]


def list_changes_set_aside() -> list[Failure]:
    rows = WatchedChange.objects.exclude(failure="").order_by("-pk")[:SHOWN]
    return [(row.created_at, f"change {row.pk} of {row.model}", row.failure) for row in rows]


failures = Source("failures", "Recent failures", read_failures, seconds=5.0)
