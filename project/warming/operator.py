"""Runs on the command line: work on one, follow one, steer one."""

import asyncio
import sys
import time

from django.core.management.base import CommandError

from content.models import Post, WarmRun
from content.warming.execution import execute
from content.warming.run import Progress, Report
from content.warming.run_lease import CacheAway
from content.warming.runs import STEERING, SteeringError, find_run, is_silent, pause_run, retry_run
from project.warming.crew import MOST_PROCESSES, count_cores, crew_of

# A second process takes a second to start: with fewer posts, one process is as quick.
SMALL_SITE = 200
# Seconds between two looks at a run that another process works on.
LOOK = 0.3
NO_WORKER = (
    "No worker has taken run {}. It waits until one does: start one (`celery -A workers worker`), or see its log. "
    "While background warming is paused no worker does."
)


def count_processes(asked: int | None, *, is_large: bool) -> int:
    """is_large: the choice is a part of the catalogue, and not a few pages."""
    if asked is not None:
        return min(asked, MOST_PROCESSES)
    return min(count_cores(), MOST_PROCESSES) if is_large and Post.objects.count() >= SMALL_SITE else 1


def work_on(run: WarmRun, processes: int, progress: Progress) -> WarmRun:
    """Work on it in this process, or follow the one that does. Ctrl-C pauses the run."""
    try:
        with crew_of(processes) as crew:
            is_ours = asyncio.run(execute(run.pk, by=crew.warm, progress=progress))
    except KeyboardInterrupt:
        pause_run(find_run(run.pk))
        raise
    except CacheAway as error:
        raise CommandError(
            f"Redis does not answer ({error}), so run {run.pk} waits. Check REDIS_URL. A worker does it when Redis "
            "is back."
        ) from error
    return find_run(run.pk) if is_ours else follow(run, progress)


def follow(run: WarmRun, progress: Progress) -> WarmRun:
    """Wait until it is not active any more. Says once if no worker works on it."""
    has_warned = False
    while run.is_active:
        time.sleep(LOOK)
        run = find_run(run.pk)
        progress(report_of(run))
        if not has_warned and is_silent(run):
            has_warned = True
            print_warning(NO_WORKER.format(run.pk))
    return run


def print_warning(text: str) -> None:
    sys.stderr.write(f"\n{text}\n")


def report_of(run: WarmRun) -> Report:
    return Report(
        warmed=run.warmed, already_fresh=run.fresh, not_there=run.skipped, failed=run.failed, pages=run.pages
    )


def steer(pk: int, verb: str | None, started_by: str) -> tuple[WarmRun, str]:
    """The run, or with "retry" the new one, and what has happened. Raises CommandError."""
    try:
        run = find_run(pk)
        if verb == "retry":
            run, _ = retry_run(run, started_by=started_by)
            return run, f"Run {run.pk} retries the failures of run {pk}."
        return run, STEERING[verb](run) if verb else ""
    except SteeringError as error:
        raise CommandError(str(error)) from error
