"""A logging handler that reports errors. Nothing of the SDK is installed into requests, tasks or the logging module.

Every failure is logged with level ERROR: by Django for a request, by Celery for a task, by our own code. So a
handler sees all of it, and the path of a page from the cache has no line of the SDK.
"""

import atexit
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, cast

from project.errors.event import event_of, scrub

logger = logging.getLogger("project.errors")

# Reports of one process: of one place in the code, and in all, in a minute.
OF_ONE_PLACE, IN_ALL = 3, 30
MINUTE = 60.0
# Seconds that the end of a process may wait for reports, also if their server is down.
FLUSH = 2.0
# Their errors would report themselves, or are made by strangers.
LEFT_OUT = ("sentry_sdk", "urllib3", "project.errors", "django.security")
# The site is full: readers get Retry-After, and operators a metric.
OVERLOADED = 503
MISSING = (
    "EVERGREEN_SENTRY_DSN is set, but sentry-sdk is not installed: errors are only logged. Install "
    "requirements/errors.lock."
)


class Budget:
    """How many reports this process may still send in the current minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._minute = -1
        self._counts: dict[str, int] = {}

    def take(self, place: str) -> bool:
        minute = int(self._clock() / MINUTE)
        with self._lock:
            if minute != self._minute:
                self._minute, self._counts = minute, {}
            if self._counts.get(place, 0) >= OF_ONE_PLACE or sum(self._counts.values()) >= IN_ALL:
                return False
            self._counts[place] = self._counts.get(place, 0) + 1
            return True


class ReportHandler(logging.Handler):
    """Gives each record to the SDK's queue, which a thread of its own sends; a full queue drops it."""

    def __init__(self, client: Any, budget: Budget | None = None) -> None:
        super().__init__(logging.ERROR)
        self.client = client
        self.budget = budget or Budget()

    def emit(self, record: logging.LogRecord) -> None:
        if is_left_out(record) or not self.budget.take(place_of(record)):
            return
        try:
            event, hint = event_of(record, self.client.options)
            self.client.capture_event(event, hint)
        except Exception:
            # A report that cannot be made is nobody's error.
            logger.debug("An error could not be reported.", exc_info=True)


def is_left_out(record: logging.LogRecord) -> bool:
    return record.name.startswith(LEFT_OUT) or getattr(record, "status_code", None) == OVERLOADED


def place_of(record: logging.LogRecord) -> str:
    """The place that raised the exception, or, without one, that logged the line."""
    trace = record.exc_info[2] if record.exc_info else None
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return f"{record.pathname}:{record.lineno}"
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"


def start_reporting(dsn: str, release: str) -> ReportHandler | None:
    """Add the handler to the root logger, once. None if there is no DSN, or no SDK."""
    if not dsn or any(isinstance(handler, ReportHandler) for handler in logging.getLogger().handlers):
        return None
    try:
        import sentry_sdk
    except ImportError:
        logger.error(MISSING)
        return None
    client = sentry_sdk.Client(
        dsn=dsn,
        release=release,
        before_send=cast(Any, scrub),
        default_integrations=False,
        auto_enabling_integrations=False,
        auto_session_tracking=False,
        send_client_reports=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        shutdown_timeout=FLUSH,
    )
    handler = ReportHandler(client)
    logging.getLogger().addHandler(handler)
    atexit.register(client.flush, FLUSH)
    return handler
