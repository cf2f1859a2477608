"""Work of a worker besides tasks: refresh what is stale, purge the CDN, relay changes, warm at its start."""

import logging
import threading
from typing import Any

from celery import bootsteps, signals
from celery.concurrency import prefork

from content.caching.watch.loop import run_relay
from content.ops import heartbeat
from workers.app import app
from workers.purging import start_purging
from workers.refreshing import start_refreshing

logger = logging.getLogger(__name__)


@signals.setup_logging.connect
def keep_our_logging(**kwargs: Any) -> None:
    """Django's LOGGING holds here as well: whoever listens to this signal keeps Celery from its own."""


@signals.worker_process_init.connect
def work_in_the_pool(**kwargs: Any) -> None:
    start_loops()


@signals.worker_ready.connect
def work_without_a_pool(sender: Any, **kwargs: Any) -> None:
    """Pools of threads, or of none, have no processes to begin in."""
    if not isinstance(sender.pool, prefork.TaskPool):
        start_loops()


def start_loops() -> None:
    start_refreshing()
    start_purging()
    threading.Thread(target=run_relay, args=(threading.Event(),), name="relay", daemon=True).start()


@signals.worker_ready.connect
def warm_at_start(**kwargs: Any) -> None:
    """Beat's first hourly run comes after an hour."""
    app.send_task("workers.tasks.warm_everything")


class Heartbeat(bootsteps.StartStopStep):
    """A sign of life every few seconds, from the worker's own timer."""

    requires = ("celery.worker.components:Timer",)

    def __init__(self, worker: Any, **kwargs: Any) -> None:
        self.timer: Any = None

    def start(self, worker: Any) -> None:
        beat_safely()
        self.timer = worker.timer.call_repeatedly(heartbeat.INTERVAL, beat_safely)

    def stop(self, worker: Any) -> None:
        if self.timer is not None:
            self.timer.cancel()


def beat_safely() -> None:
    """A cache that is away must not end the worker."""
    try:
        heartbeat.send_heartbeat()
    except Exception as error:
        logger.warning("no heartbeat: %s", error)


app.steps["worker"].add(Heartbeat)
