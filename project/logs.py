"""Log lines: each with its time, level and logger; as text, or as one JSON object a line. No Django in here."""

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

# Of the request that is being answered; empty outside of requests.
request_id: ContextVar[str] = ContextVar("request_id", default="")

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# The arguments of uvicorn's access log, in their order.
ACCESS_FIELDS = ("client", "method", "path", "http_version", "status")


class TextFormatter(logging.Formatter):
    """`2026-11-28T10:42:13.123+00:00 WARNING django.request: Not Found`, in UTC."""

    def __init__(self) -> None:
        super().__init__(TEXT)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return time_of(record)


class JsonFormatter(logging.Formatter):
    """time, level, logger, message; request_id, method, path, status, client and exception where there are any."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": time_of(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {name: value for name, value in request_fields(record).items() if value not in ("", None)}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)


def time_of(record: logging.LogRecord) -> str:
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


def logging_config(form: str, level: str) -> dict[str, Any]:
    """Django's LOGGING. `form` is text or json."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": f"{__name__}.formatter", "form": form}},
        "filters": {
            "no health checks": {"()": "project.log_filters.NoHealthChecks"},
            "no host tracebacks": {"()": "project.log_filters.NoHostTracebacks"},
        },
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": "lines",
                "filters": ["no health checks", "no host tracebacks"],
            }
        },
        "root": {"handlers": ["console"], "level": level},
        # Django's own handler would print each line twice with DEBUG. Celery logs each task that begins and ends,
        # and httpx each request; our own code logs what it did.
        "loggers": {
            "django": {"handlers": [], "level": "INFO"},
            "celery": {"level": "WARNING"},
            "httpx": {"level": "WARNING"},
        },
    }
