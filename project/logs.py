"""Log lines with time, level and logger, as text or JSON, and filters for them. This module loads no Django."""

import json
import logging
import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any


def find_no_trace() -> str:
    return ""


# The id of the current trace, if it is recorded. `project.traces` sets it.
find_trace_id: Callable[[], str] = find_no_trace
# The id of the current request; empty outside of requests.
request_id: ContextVar[str] = ContextVar("request_id", default="")

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# The arguments of a line of uvicorn's access log, in order.
ACCESS_FIELDS = ("client", "method", "path", "http_version", "status")
HEALTH_PATHS = {"/healthz", "/readyz"}
# Unknown hosts logged in one minute, each once: a client can invent any number.
HOSTS_A_MINUTE = 20
LONGEST_HOST = 100

logger = logging.getLogger(__name__)


class TextFormatter(logging.Formatter):
    """`2026-11-28T10:42:13.123+00:00 WARNING django.request: Not Found`, in UTC. With a trace: ` trace_id=…`."""

    def __init__(self) -> None:
        super().__init__(TEXT)

    def formatMessage(self, record: logging.LogRecord) -> str:
        trace_id = find_trace_id()
        return f"{super().formatMessage(record)} trace_id={trace_id}" if trace_id else super().formatMessage(record)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return format_time(record)


class JsonFormatter(logging.Formatter):
    """time, level, logger, message; request_id, trace_id, method, path, status, client and exception, if any."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": format_time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {"trace_id": trace_id} if (trace_id := find_trace_id()) else {}
        entry |= {name: value for name, value in request_fields(record).items() if value not in ("", None)}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)


def format_time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def request_fields(record: logging.LogRecord) -> dict[str, Any]:
    if record.name == "uvicorn.access" and isinstance(record.args, tuple):
        return {"request_id": request_id.get()} | dict(zip(ACCESS_FIELDS, record.args, strict=False))
    request = getattr(record, "request", None)
    return {
        "request_id": request_id.get(),
        "method": getattr(request, "method", None),
        "path": getattr(request, "path", None),
        "status": getattr(record, "status_code", None),
    }


def formatter(form: str) -> logging.Formatter:
    """`form` is text or json."""
    return JsonFormatter() if form == "json" else TextFormatter()


class NoHealthChecks(logging.Filter):
    """Drops the lines of failed health checks: a load balancer sends one each second, and gets the reason."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = getattr(record, "request", None)
        return getattr(request, "path", None) not in HEALTH_PATHS


class UnknownHosts:
    """Remembers which unknown hosts were logged in the current minute."""

    def __init__(self) -> None:
        self.minute = 0
        self.logged: set[str] = set()

    def is_new(self, host: str) -> bool:
        minute = int(time.monotonic() / 60)
        if minute != self.minute:
            self.minute = minute
            self.logged.clear()
        if host in self.logged or len(self.logged) >= HOSTS_A_MINUTE:
            return False
        self.logged.add(host)
        return True


unknown_hosts = UnknownHosts()


def log_unknown_host(host: str) -> None:
    """Log each host once a minute. `host` comes from a client: it is quoted and cut."""
    shown = host[:LONGEST_HOST]
    if unknown_hosts.is_new(shown):
        logger.warning("Refused a request for the host %r. If it is yours, add it to ALLOWED_HOSTS.", shown)


class NoHostTracebacks(logging.Filter):
    """Replaces Django's traceback for an unknown host with the line of `log_unknown_host`."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name != "django.security.DisallowedHost":
            return True
        request = getattr(record, "request", None)
        log_unknown_host(request._get_raw_host() if request is not None else "")
        return False


def logging_config(form: str, level: str) -> dict[str, Any]:
    """Django's LOGGING. `form` is text or json."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": f"{__name__}.formatter", "form": form}},
        "filters": {
            "no health checks": {"()": f"{__name__}.NoHealthChecks"},
            "no host tracebacks": {"()": f"{__name__}.NoHostTracebacks"},
        },
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": "lines",
                "filters": ["no health checks", "no host tracebacks"],
            }
        },
        "root": {"handlers": ["console"], "level": level},
        # Django's own handler would print each line twice with DEBUG. Celery logs the start and end of each task,
        # and httpx each request.
        "loggers": {
            "django": {"handlers": [], "level": "INFO"},
            "celery": {"level": "WARNING"},
            "httpx": {"level": "WARNING"},
            # It reports each batch that it could not send; `project.trace_exporter` reports the first.
            "opentelemetry": {"level": "CRITICAL"},
        },
    }
