"""Hooks of Celery: logging, background work, heartbeat, and signs of life for systemd."""

import logging
from typing import Any

from celery import bootsteps, signals, states
from celery.concurrency import prefork
from django.conf import settings
from django.utils.module_loading import import_string
from redis.exceptions import RedisError

from content.liveness import beat, beat_interval, notify
from content.ops.state import worker_reports
from workers.app import app
from workers.background import start_background_work
from workers.schedule import SCHEDULE

logger = logging.getLogger(__name__)


@signals.setup_logging.connect
def keep_django_logging(**kwargs: Any) -> None:
    """Celery configures logging only if no function is connected to this signal."""


@signals.worker_process_init.connect
def start_in_pool(**kwargs: Any) -> None:
    start_work()


@signals.worker_ready.connect
def start_without_pool(sender: Any, **kwargs: Any) -> None:
    """Pools without processes do not send worker_process_init."""
    if not isinstance(sender.pool, prefork.TaskPool):
        start_work()


def start_work() -> None:
    import_string(settings.START_TRACES)("worker")
    start_background_work()


JOBS = {job.task: job.name for job in SCHEDULE}


@signals.task_postrun.connect
def record_job(task: Any, state: str = "", **kwargs: Any) -> None:
    """Record the run for metrics. An error of Redis must not become one of the task."""
    name = JOBS.get(task.name)
    if name is None or state not in (states.SUCCESS, states.FAILURE):
        return
    try:
        worker_reports.record_run(name, has_succeeded=state == states.SUCCESS)
    except (RedisError, OSError) as error:
        logger.debug("The end of the job %r is not recorded: %s", name, error)


@signals.worker_ready.connect
def notify_connected(**kwargs: Any) -> None:
    notify("STATUS=Taking tasks.")


class Heartbeat(bootsteps.StartStopStep):
    """Reports every few seconds that this worker is alive."""

    requires = ("celery.worker.components:Timer",)

    def __init__(self, worker: Any, **kwargs: Any) -> None:
        self.timer: Any = None

    def start(self, worker: Any) -> None:
        beat_safely()
        self.timer = worker.timer.call_repeatedly(worker_reports.HEARTBEAT_SECONDS, beat_safely)

    def stop(self, worker: Any) -> None:
        if self.timer is not None:
            self.timer.cancel()


def beat_safely() -> None:
    """An error of the cache must not end the worker."""
    try:
        worker_reports.record_heartbeat()
    except Exception as error:
        logger.warning("The heartbeat could not be stored, so /statusz may say that no worker runs: %s", error)


class SignsOfLife(bootsteps.StartStopStep):
    """Tells systemd that the worker is up, and then that its event loop turns.

    It is ready before it reaches the broker: a worker starts without Redis, and takes tasks once Redis responds.
    """

    requires = ("celery.worker.components:Timer", "celery.worker.components:Pool")

    def __init__(self, worker: Any, **kwargs: Any) -> None:
        self.timer: Any = None

    def start(self, worker: Any) -> None:
        notify("READY=1", "STATUS=Connecting to the broker.")
        if (interval := beat_interval()) is not None:
            beat()
            self.timer = worker.timer.call_repeatedly(interval, beat)

    def stop(self, worker: Any) -> None:
        if self.timer is not None:
            self.timer.cancel()


@signals.worker_shutting_down.connect
def notify_end(**kwargs: Any) -> None:
    notify("STOPPING=1", "STATUS=Finishing tasks.")


app.steps["worker"].update((Heartbeat, SignsOfLife))
