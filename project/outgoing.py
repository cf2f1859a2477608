"""Hand a task to the broker after the commit, in a thread: no request waits for a broker that is down or hangs.

If the broker does not take the task, the thread runs it once. So a mail for a new password arrives without a broker.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from django.db import connections, transaction

logger = logging.getLogger(__name__)

# Tasks that wait for the broker in this process. Further ones are dropped, and logged.
MAX_WAITING = 100
# The retry policy of kombu, in seconds: two tries.
RETRY = {"max_retries": 2, "interval_start": 0.2, "interval_step": 0.5, "interval_max": 1.0}

_free = threading.BoundedSemaphore(MAX_WAITING)
_executor = ThreadPoolExecutor(1, "outgoing-tasks")


def send_after_commit(name: str, *arguments: Any) -> None:
    """`name`: of a task in workers.tasks that is short, and may run twice. Raises nothing."""
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
        logger.warning("The broker does not answer (%s). This process runs %s itself.", type(error).__name__, name)
        _run(name, arguments)
    finally:
        _free.release()


def _run(name: str, arguments: tuple[Any, ...]) -> None:
    """Run the task once. No worker repeats it: a person has to ask again."""
    from workers import tasks

    try:
        getattr(tasks, name)(*arguments)
    except Exception as error:
        logger.error("%s failed (%s), and is not repeated. Ask for it again later.", name, type(error).__name__)
    finally:
        # The thread lives on: it must not hold a connection to a database that may restart.
        connections.close_all()


def sender() -> Callable[..., Any]:
    # Imported late: it sets Django up.
    from workers.app import app

    return app.send_task
