"""A log record as an event of Sentry, without personal data.

Left out: cookies, header fields, bodies, queries, addresses, accounts, local variables, arguments of log lines.
Mail addresses, IP addresses and the details of PostgreSQL, which quote rows, are removed from texts of exceptions.
"""

import logging
import re
from typing import Any

from project.logs import request_id

LONGEST_TEXT = 500
HIDDEN = "[removed]"
MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*")
ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b|(?<![\w:])(?:[0-9a-fA-F]{0,4}:){3,7}[0-9a-fA-F]{0,4}(?![\w:])")
QUERY = re.compile(r"\?[^\s'\"]*=[^\s'\"]*")
LOGIN = re.compile(r"(?<=://)[^/\s'\"]*@")
# The key or the row for which a statement of PostgreSQL failed.
DETAIL = re.compile(r"\s*(?:DETAIL|CONTEXT):.*", re.DOTALL)
# The rest of a path behind these may be a token.
TOKENS = re.compile(r"(/reset/)[^/]+/[^/]+")
# Parts of an event that this module does not fill, whatever the SDK does.
UNWANTED = ("user", "breadcrumbs", "extra", "modules", "contexts", "server_name")


def event_of(record: logging.LogRecord, options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The event, and the SDK's hint. `options`: those of the client."""
    from sentry_sdk.utils import event_from_exception

    event: dict[str, Any] = {}
    hint: dict[str, Any] = {}
    if record.exc_info and record.exc_info[0] is not None:
        found, hint = event_from_exception(record.exc_info, options, {"type": "logging", "handled": True})
        event.update(found)
    event |= {
        "level": record.levelname.lower(),
        "logger": record.name,
        # The message without its arguments: they have names, paths and addresses.
        "logentry": {"message": shorten(str(record.msg))},
        "tags": tags_of(record),
    }
    if request := request_of(record):
        event["request"] = request
    return event, hint


def tags_of(record: logging.LogRecord) -> dict[str, str]:
    tags = {"request_id": request_id.get()}
    # Celery logs a failed task with this attribute.
    data = getattr(record, "data", None)
    if isinstance(data, dict) and "name" in data:
        tags |= {"task": str(data["name"])[:LONGEST_TEXT], "task_id": str(data.get("id", ""))[:64]}
    if (status := getattr(record, "status_code", None)) is not None:
        tags["status"] = str(status)
    return {name: value for name, value in tags.items() if value}


def request_of(record: logging.LogRecord) -> dict[str, str]:
    """The method and the path, without a query."""
    request = getattr(record, "request", None)
    method, path = getattr(request, "method", None), getattr(request, "path", None)
    if not isinstance(path, str):
        return {}
    return {"method": str(method), "url": shorten(TOKENS.sub(rf"\1{HIDDEN}", path))}


def scrub(event: dict[str, Any], hint: dict[str, Any]) -> dict[str, Any]:
    """The last look at each event, as the SDK's before_send."""
    for name in UNWANTED:
        event.pop(name, None)
    if "request" in event:
        event["request"] = {name: event["request"][name] for name in ("method", "url") if name in event["request"]}
    for exception in (event.get("exception") or {}).get("values", ()):
        exception["value"] = shorten(str(exception.get("value") or ""))
        for frame in (exception.get("stacktrace") or {}).get("frames", ()):
            frame.pop("vars", None)
    return event


def shorten(text: str) -> str:
    """The text without personal data, and with a bound."""
    text = DETAIL.sub("", text[: 10 * LONGEST_TEXT])
    for pattern, instead in ((LOGIN, f"{HIDDEN}@"), (MAIL, HIDDEN), (ADDRESS, HIDDEN), (QUERY, f"?{HIDDEN}")):
        text = pattern.sub(instead, text)
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"
