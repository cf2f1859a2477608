"""Tasks: each is one call into content. Each is idempotent, and safe to run beside itself."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from celery import shared_task

from content import popularity
from content.caching import old_releases
from content.caching.watch.relay import relay_waiting
from content.purging import BadSelection, Trigger, read_selection, run_purge
from content.warming import heat, runs
from content.warming.choice import ChoiceError, check_choice, read_choice
from workers import background, mail
from workers.lease import with_lease
from workers.loop import run


@shared_task
def write_views() -> int:
    return popularity.write_views()


@shared_task
def write_heat() -> int:
    return run(heat.write_heat())


@shared_task
@with_lease("relay invalidations")
def relay_invalidations() -> int:
    """The net under the relay that runs in each worker."""
    return relay_waiting()


@shared_task
def drain_due() -> int:
    """The net under the refreshers that run in each worker."""
    return run(background.refresh_due())


@shared_task
def tell_cdn() -> None:
    """The net under the CDN follower."""
    run(background.catch_up_cdn())


@shared_task
@with_lease("remove old releases")
def remove_old_releases() -> int:
    return old_releases.remove_old_releases()


@shared_task
def keep_warm() -> None:
    """The net under the control loop, which each worker process runs or stands by for."""
    background.start_warming()


# --- mail -----------------------------------------------------------------------------------------------

# A server that is down is asked again within 30 s, 1, 2, 4 and then 5 minutes. No longer pause: after 10 minutes the
# broker would give the task to another worker too.
retried = partial(
    shared_task,
    autoretry_for=(mail.TryAgain,),
    retry_backoff=30,
    retry_backoff_max=300,
    retry_jitter=True,
    max_retries=27,
)


@retried()
def send_password_reset(address: str, origin: str) -> int:
    return mail.send_password_reset(address, origin)


@retried()
def send_invitation(user: int, origin: str) -> int:
    return mail.send_invitation(user, origin)


@shared_task
@with_lease("mail waiting comments")
def mail_waiting_comments() -> int:
    """No retry of its own: beat sends it each minute."""
    return mail.send_comment_digest()


# --- for operators --------------------------------------------------------------------------------------


@shared_task(ignore_result=False, throws=(ChoiceError,))
def warm(
    names: Sequence[str] = (),
    urls: Sequence[str] = (),
    top: int | None = None,
    everything: bool = False,
    tags: Sequence[str] = (),
    patterns: Sequence[str] = (),
    stale: bool = False,
    started_by: str = "",
) -> dict[str, Any]:
    """Start a run, as `warm_cache --queue`. Returns it as data: its id is in `id`.

    Raises ChoiceError for a choice that cannot be warmed.
    """
    chosen = {"names": names, "urls": urls, "top": top, "everything": everything}
    choice = run(check_choice(read_choice(chosen | {"tags": tags, "patterns": patterns, "stale": stale})))
    started, _ = runs.start_run(choice, trigger=runs.Trigger.TASK, started_by=str(started_by))
    return runs.describe_run(started)


@shared_task(ignore_result=False, throws=(runs.SteeringError,))
def warm_run(pk: int, verb: str = "") -> dict[str, Any]:
    """A run as data, after `verb`: cancel, pause or resume it; or retry, which returns the new run.

    Raises SteeringError.
    """
    found = runs.find_run(pk)
    if verb == "retry":
        found, _ = runs.retry_run(found, trigger=runs.Trigger.TASK)
    elif verb:
        if verb not in runs.STEERING:
            raise runs.SteeringError(f"{verb!r} is none of {', '.join(runs.STEERING)} and retry.")
        runs.STEERING[verb](found)
    return runs.describe_run(found)


@shared_task(ignore_result=False, throws=(BadSelection,))
def purge(
    tags: Sequence[str] = (),
    patterns: Sequence[str] = (),
    names: Sequence[str] = (),
    urls: Sequence[str] = (),
    groups: Sequence[str] = (),
    everything: bool = False,
    soft: bool = False,
    dry_run: bool = False,
    started_by: str = "",
) -> dict[str, Any]:
    """Purge, as `purge_cache`. Returns what it touched and did as data; the id of its row is in `id`.

    Raises BadSelection if nothing was purged, for what is named cannot be.
    """
    named = {"tags": tags, "patterns": patterns, "names": names, "urls": urls, "groups": groups}
    selection = read_selection(named | {"everything": everything})
    work = run_purge(
        selection, soft=bool(soft), trigger=Trigger.TASK, started_by=str(started_by), dry_run=bool(dry_run)
    )
    return run(work).as_data()
