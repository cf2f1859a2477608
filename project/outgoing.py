"""Hand a task to the broker after the commit, in a thread: no request waits for a broker that is down or hangs."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from django.db import transaction

logger = logging.getLogger(__name__)

# Tasks that wait for the broker in this process. Further ones are dropped, and logged.
MAX_WAITING = 100
# Of kombu, in seconds: two tries.
RETRY = {"max_retries": 2, "interval_start": 0.2, "interval_step": 0.5, "interval_max": 1.0}

_free = threading.BoundedSemaphore(MAX_WAITING)
_executor = ThreadPoolExecutor(1, "outgoing-tasks")


def send_after_commit(name: str, *arguments: Any) -> None:
    """`name`: of a task in workers.tasks. Never raises; what the broker does not take is logged and lost."""
    transaction.on_commit(partial(_submit, name, arguments), robust=True)


def _submit(name: str, arguments: tuple[Any, ...]) -> None:
    if not _free.acquire(blocking=False):
        logger.error("%s was not sent: %d tasks wait for the broker already.", name, MAX_WAITING)
        return
    _executor.submit(_send, name, arguments)


def _send(name: str, arguments: tuple[Any, ...]) -> None:
    try:
        sender()(f"workers.tasks.{name}", args=arguments, retry=True, retry_policy=RETRY)
    except Exception as error:
        # Only its type: the text has the address of the broker.
        logger.error("%s was not sent, for the broker does not answer (%s).", name, type(error).__name__)
    finally:
        _free.release()


def sender() -> Callable[..., Any]:
    # Imported late: it sets Django up.
    from workers.app import app

    return app.send_task
