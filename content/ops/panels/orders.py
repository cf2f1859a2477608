"""Orders of operators: runs of warming, with their buttons, and purges."""

from datetime import timedelta

from django.urls import reverse
from django.utils import timezone

from content.models import Purge, WarmRun
from content.ops.panels.panel import Reading, Row, Source, numbers, texts
from content.ops.state.database import query
from content.purging.row import describe_selection, message_of
from content.warming.runs import describe_choice, is_silent, verbs_of

SHOWN = 8
# The failures of the last run need attention for so long.
RECENT = timedelta(days=1)
RUN_COLUMNS = (
    *texts("Run", "Plan", "State"),
    *numbers("Done", "Failed", "Rate", "Left"),
    *texts("Started by", "Message"),
)
PURGE_COLUMNS = (
    *texts("Purge", "What", "How", "State"),
    *numbers("Entries", "Pages"),
    *texts("Started by", "Message"),
)


async def read_runs() -> Reading:
    """Raises an error of the database."""
    return await query(describe_runs)


def describe_runs() -> Reading:
    runs = list(WarmRun.objects.all()[:SHOWN])
    active = WarmRun.objects.filter(state__in=WarmRun.ACTIVE).count()
    # Passes of the control loop come again by themselves.
    ordered = WarmRun.objects.exclude(trigger=WarmRun.Trigger.LOOP).exclude(state__in=WarmRun.ACTIVE)
    newest = ordered.filter(ended_at__gt=timezone.now() - RECENT).first()
    gauges = {
        "runs.active": float(active),
        "runs.silent": float(sum(is_silent(run) for run in runs if run.trigger != WarmRun.Trigger.LOOP)),
        "runs.last_failed": float(newest.failed) if newest is not None else 0.0,
    }
    return Reading(RUN_COLUMNS, tuple(map(row_of_run, runs)), "" if runs else "No run yet.", gauges=gauges)


def row_of_run(run: WarmRun) -> Row:
    rate = run.done / run.seconds if run.seconds and run.done else None
    left = max(0, run.planned - run.done) if run.planned is not None else None
    planned = f" of {run.planned:,} ({run.done / run.planned:.0%})" if run.planned else ""
    cells = (
        *(f"Run {run.pk}", describe_choice(run), str(run.state), f"{run.done:,}{planned}", f"{run.failed:,}"),
        f"{rate:,.0f}/s" if rate is not None else "-",
        f"{left / rate:,.0f} s" if run.is_active and rate and left is not None else "-",
        run.started_by or str(run.trigger),
        "No worker has taken it." if is_silent(run) else run.message,
    )
    return Row(
        cells,
        state="bad" if run.failed or is_silent(run) else "",
        link=reverse("admin:content_warmrun_change", args=[run.pk]),
        action=reverse("ops-steer", args=[run.pk]),
        verbs=tuple(verbs_of(run)),
    )


async def read_purges() -> Reading:
    """Raises an error of the database."""
    return await query(describe_purges)


def describe_purges() -> Reading:
    rows = tuple(map(row_of_purge, Purge.objects.all()[:SHOWN]))
    return Reading(PURGE_COLUMNS, rows, "" if rows else "No purge yet.")


def row_of_purge(purge: Purge) -> Row:
    entries, pages = ("-" if count is None else f"{count:,}" for count in (purge.entries, purge.pages))
    who = purge.started_by or str(purge.trigger)
    how = "soft" if purge.soft else "hard"
    return Row(
        (
            f"Purge {purge.pk}",
            describe_selection(purge),
            how,
            str(purge.state),
            entries,
            pages,
            who,
            message_of(purge),
        ),
        state="bad" if purge.state == Purge.State.FAILED else "",
        link=reverse("admin:content_purge_change", args=[purge.pk]),
    )


runs = Source("runs", "Runs of warming", read_runs)
purges = Source("purges", "Purges", read_purges)
