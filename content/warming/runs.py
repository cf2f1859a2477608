"""Start, steer and describe runs of warming: what the command, the tasks, the API and the admin share.

These functions use the database alone, and block: call them from a thread. A worker does the work within a second.
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import msgspec
from django.db import IntegrityError, transaction
from django.utils import timezone

from content.caching.release import release_digest
from content.models import WarmAddresses, WarmFailure, WarmRun
from content.warming.choice import Choice, ChoiceError, read_choice
from content.warming.coverage import Coverage, describe_coverage

State = WarmRun.State
Trigger = WarmRun.Trigger
# Runs that have ended and are kept, of operators and of the loop.
MOST_KEPT = {False: 500, True: 100}
# Addresses in a row.
ADDRESSES = 1_000
# Failures in a description, and seconds without a report after which no process works on a run.
SHOWN_FAILURES, SILENT = 20, 10.0


class SteeringError(Exception):
    """A run that cannot be steered so. Its text says why, and what to do."""


def start_run(
    choice: Choice, *, trigger: str, started_by: str = "", addresses: Sequence[str] = (), retry_of: int | None = None
) -> tuple[WarmRun, bool]:
    """Queue a run of a checked choice. `addresses`: of `choice.log`, the most read first.

    False, and the run that is active already, if that has the same choice.
    """
    if addresses:
        digest = hashlib.sha256("\n".join(addresses).encode()).hexdigest()[:16]
        choice = Choice(log=choice.log, log_digest=digest)
    same = {"digest": choice.digest(), "release": release_digest()}
    prune_runs()
    try:
        with transaction.atomic():
            run = WarmRun.objects.create(
                trigger=trigger, started_by=started_by[:150], choice=choice.as_data(), retry_of_id=retry_of, **same
            )
            WarmAddresses.objects.bulk_create(
                WarmAddresses(run=run, number=first // ADDRESSES, paths=list(addresses[first : first + ADDRESSES]))
                for first in range(0, len(addresses), ADDRESSES)
            )
    except IntegrityError:
        active = WarmRun.objects.filter(**same, state__in=WarmRun.ACTIVE).first()
        if active is None:
            # It has ended since then.
            return start_run(choice, trigger=trigger, started_by=started_by, addresses=addresses, retry_of=retry_of)
        return active, False
    return run, True


# --- steering ---------------------------------------------------------------------------------------------


def cancel_run(run: WarmRun) -> str:
    """The run ends within a second or two. Its warmed entries stay, and it can be resumed."""
    change_state(run, (State.QUEUED, State.RUNNING, State.PAUSED), State.CANCELLED)
    return f"Run {run.pk} is cancelled. What was warmed stays warm."


def pause_run(run: WarmRun) -> str:
    change_state(run, WarmRun.ACTIVE, State.PAUSED)
    return f"Run {run.pk} is paused."


def resume_run(run: WarmRun) -> str:
    """It goes on where it stopped."""
    change_state(run, (State.PAUSED, State.CANCELLED, State.STOPPED), State.QUEUED)
    return f"Run {run.pk} is queued, and goes on where it stopped."


def retry_run(run: WarmRun, *, trigger: str = Trigger.COMMAND, started_by: str = "") -> tuple[WarmRun, bool]:
    """Start a run of its failures; of its whole choice, if it has more of them than were stored.

    Fresh entries are left alone. Raises SteeringError.
    """
    if run.is_active:
        raise SteeringError(f"Run {run.pk} is {run.state}. Retry its failures when it has ended.")
    if not run.failed:
        raise SteeringError(f"Run {run.pk} has no failure to retry.")
    addresses: list[str] = []
    if run.failures.count() >= run.failed:
        choice = Choice(failed_of=run.pk)
    else:
        choice = read_choice(run.choice)
        addresses = [path for part in run.addresses.all() for path in part.paths]
    return start_run(choice, trigger=trigger, started_by=started_by, addresses=addresses, retry_of=run.pk)


STEERING: dict[str, Callable[[WarmRun], str]] = {"cancel": cancel_run, "pause": pause_run, "resume": resume_run}


def verbs_of(run: WarmRun) -> list[str]:
    """The orders that the run takes now: names of STEERING, and "retry"."""
    if run.trigger == Trigger.LOOP:
        return []
    verbs = {
        State.QUEUED: ["cancel", "pause"],
        State.RUNNING: ["cancel", "pause"],
        State.PAUSED: ["resume", "cancel"],
        State.CANCELLED: ["resume"],
        State.STOPPED: ["resume"],
    }.get(State(run.state), [])
    return [*verbs, *(["retry"] if run.failed and not run.is_active else [])]


def change_state(run: WarmRun, before: Sequence[str], after: str) -> None:
    """Raises SteeringError if the run is in no such state, or another run of the same choice is active."""
    if run.trigger == Trigger.LOOP:
        raise SteeringError(
            f"Run {run.pk} is a pass of the control loop, which `warm_cache --pause` and `--go-on` steer."
        )
    is_active = after in WarmRun.ACTIVE
    ended_at = None if is_active or after == State.PAUSED else timezone.now()
    try:
        with transaction.atomic():
            changed = WarmRun.objects.filter(pk=run.pk, state__in=before).update(state=after, ended_at=ended_at)
    except IntegrityError as error:
        raise SteeringError(f"Another run of the same choice is active; run {run.pk} stays {run.state}.") from error
    run.refresh_from_db()
    if not changed:
        raise SteeringError(f"Run {run.pk} is {run.state}: only one that is {' or '.join(before)} can be {after}.")


def prune_runs() -> int:
    """Delete the oldest that have ended, past MOST_KEPT. Returns how many."""
    pruned = 0
    for is_loop, most in MOST_KEPT.items():
        ended = WarmRun.objects.exclude(state__in=(*WarmRun.ACTIVE, State.PAUSED))
        ended = ended.filter(trigger=Trigger.LOOP) if is_loop else ended.exclude(trigger=Trigger.LOOP)
        last = ended.order_by("-pk").values_list("pk", flat=True)[most : most + 1]
        if last:
            pruned += ended.filter(pk__lte=last[0]).delete()[1].get("content.WarmRun", 0)
    return pruned


# --- describing -------------------------------------------------------------------------------------------


def find_run(pk: int) -> WarmRun:
    """Raises SteeringError, with the newest runs, if there is none."""
    run = WarmRun.objects.filter(pk=pk).first() if 0 < pk < 2**63 else None
    if run is None:
        newest = ", ".join(map(str, WarmRun.objects.values_list("pk", flat=True)[:5]))
        raise SteeringError(f"There is no run {pk}. " + (f"The newest are {newest}." if newest else "There is none."))
    return run


def describe_run(run: WarmRun) -> dict[str, Any]:
    """A run as data: numbers, times in ISO 8601, and the reasons of its first 20 failures.

    rate      targets a second; None before the first
    estimate  seconds until the run has ended, at that rate; None if that is unknown
    left      targets that are planned and not yet done
    silent    whether an active run waits for a worker
    coverage  the fresh share of the hottest entries when it had ended, by set and kind; None if that is unknown
    """
    left = max(0, run.planned - run.done) if run.planned is not None else None
    rate = run.done / run.seconds if run.seconds and run.done else None
    failures = WarmFailure.objects.filter(run=run).values_list("target", "reason")[:SHOWN_FAILURES]
    return {
        "id": run.pk,
        "state": str(run.state),
        "message": run.message,
        "trigger": str(run.trigger),
        "started_by": run.started_by,
        "plan": describe_choice(run),
        "choice": run.choice,
        "retry_of": run.retry_of_id,
        "release": run.release,
        "planned": run.planned,
        **{name: getattr(run, name) for name in ("done", "fresh", "warmed", "failed", "skipped", "pages")},
        "left": left,
        **{name: getattr(run, name) for name in ("queries", "bytes")},
        "seconds": round(run.seconds, 3),
        "rate": round(rate, 1) if rate is not None else None,
        "estimate": round(left / rate, 1) if run.is_active and rate and left is not None else None,
        **{name: in_iso(getattr(run, name)) for name in ("created_at", "started_at", "heartbeat_at", "ended_at")},
        "worker": run.worker,
        "takeovers": run.takeovers,
        "silent": is_silent(run),
        "failures": dict(failures),
        "coverage": coverage.as_data() if (coverage := coverage_of(run)) is not None else None,
    }


def coverage_of(run: WarmRun) -> Coverage | None:
    try:
        return msgspec.convert(run.coverage, Coverage)
    except msgspec.ValidationError:
        return None


def is_silent(run: WarmRun) -> bool:
    """Whether no process has reported on an active run of late: none has begun, or it has died."""
    since = run.heartbeat_at if run.state == State.RUNNING else run.created_at
    return run.is_active and (since is None or timezone.now() - since > timedelta(seconds=SILENT))


def is_success(run: WarmRun) -> bool:
    """Whether all of it is warm, and there was something."""
    return run.state == State.DONE and not run.failed and not run.message


def describe_choice(run: WarmRun) -> str:
    if run.trigger == Trigger.LOOP:
        return "what was cold"
    try:
        return str(read_choice(run.choice))
    except ChoiceError as error:
        return str(error)


def in_iso(moment: Any) -> str | None:
    return moment.isoformat() if moment is not None else None


def summarize_run(run: WarmRun) -> str:
    """One sentence or two, for operators and logs."""
    counts = (
        f"{run.warmed:,} warmed, {run.fresh:,} fresh already ({run.pages:,} of both are pages), "
        f"{run.skipped:,} skipped, {run.failed:,} failed"
    )
    planned = f" of {run.planned:,}" if run.planned is not None else ""
    silent = " No worker has taken it: start one, or see its log." if is_silent(run) else ""
    message = f" {run.message}" if run.message else ""
    coverage = coverage_of(run)
    covered = f" {describe_coverage(coverage)}" if coverage is not None else ""
    state = f"Run {run.pk} ({describe_choice(run)}) is {run.state}, {run.done:,}{planned}"
    return f"{state}: {counts}.{covered}{silent}{message}"


def mean_rate(runs: int = 5) -> float | None:
    """Targets a second that the last runs warmed. None if that is unknown."""
    ended = WarmRun.objects.filter(state=State.DONE, warmed__gte=100, seconds__gt=0).exclude(trigger=Trigger.LOOP)
    last = list(ended.values_list("warmed", "seconds")[:runs])
    return sum(warmed for warmed, _ in last) / sum(seconds for _, seconds in last) if last else None
