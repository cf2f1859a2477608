"""Tasks: each is one call into content. Each is idempotent, and safe to run beside itself."""

import logging
from collections.abc import Coroutine
from typing import Any

from celery import shared_task

from content import popularity, warming
from content.caching import old_releases
from content.caching.watch.relay import relay_waiting
from content.warming import heat
from workers import background
from workers.lease import with_lease
from workers.loop import run

logger = logging.getLogger(__name__)

LOGGED_FAILURES = 5


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


@shared_task
def warm(names: list[str], urls: list[str], top: int | None, everything: bool) -> None:
    """The task of `warm_cache --queue`."""
    run_and_log("on request", warming.warm_chosen(names, urls, top=top, everything=everything))


def run_and_log(name: str, work: Coroutine[Any, Any, warming.Report]) -> None:
    report = run(work)
    logger.info("warming %s: %s", name, report)
    for target, reason in list(report.failures.items())[:LOGGED_FAILURES]:
        logger.warning("not warm: %s: %s", target, reason)
