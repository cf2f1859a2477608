"""Tasks: each one call into content. All can run twice, and at once, and change nothing by it."""

import logging
from collections.abc import Coroutine
from typing import Any

from celery import shared_task

from content import popularity, warming
from content.caching.watch.relay import relay_waiting
from workers import purging, refreshing
from workers.lease import leased
from workers.loop import run

logger = logging.getLogger(__name__)

MOST_FAILURES_TOLD = 5


@shared_task
def write_views() -> int:
    return popularity.write_views()


@shared_task
@leased("relay invalidations", seconds=60)
def relay_invalidations() -> int:
    """The net under `relay_changes`, the loop that follows the outbox."""
    return relay_waiting()


@shared_task
def drain_due() -> int:
    """The net under the loop that waits for what is due."""
    return run(refreshing.drain_due())


@shared_task
def tell_cdn() -> None:
    """The net under the loop that follows the log."""
    run(purging.tell_cdn())


@shared_task
@leased("warm popular", seconds=55)
def warm_popular() -> None:
    run_and_tell("popular", warming.warm_popular())


@shared_task
@leased("warm everything", seconds=300)
def warm_everything() -> None:
    run_and_tell("everything", warming.warm_everything())


@shared_task
def warm(names: list[str], urls: list[str], top: int | None, everything: bool) -> None:
    """What `warm_cache --queue` asks for."""
    run_and_tell("what was asked for", warming.warm_chosen(names, urls, top=top, everything=everything))


def run_and_tell(what: str, work: Coroutine[Any, Any, warming.Report]) -> None:
    report = run(work)
    logger.info("warming %s: %s", what, report)
    for target, reason in list(report.failures.items())[:MOST_FAILURES_TOLD]:
        logger.warning("not warm: %s: %s", target, reason)
