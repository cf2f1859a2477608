"""The span of a request that is no plain hit: its route, status and cache outcome."""

from collections.abc import Iterable, Sequence

from .. import tracing
from ..metrics.process_counts import cache_of
from ..tracing import SERVER, Span, begin_root
from .asgi import Application, Message, Receive, Send
from .cache_outcome import outcome_of
from .rules.fields import Field

# Other methods are recorded as one, since a client can invent any number (OpenTelemetry's HTTP conventions).
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "QUERY"})


async def trace_request(application: Application, name: str, scope: Message, receive: Receive, send: Send) -> None:
    """Call the application, in a span if this request's trace is recorded.

    `name`: of the cache, in Cache-Status. The application may set `route` and `shows_id` of the trace before its
    response begins: the template of the URL, and whether the client may see the trace's id.
    """
    with begin_root("HTTP", SERVER, _traceparents(scope["headers"])) as span:
        if span is None:
            await application(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        span.set("http.request.method", method)
        span.set("url.scheme", scope.get("scheme", "http"))

        async def send_noted(message: Message) -> None:
            await send(_note_response(span, name, message) if message["type"] == "http.response.start" else message)

        try:
            await application(scope, receive, send_noted)
        finally:
            span.rename(f"{method} {span.trace.route}".rstrip())
            if span.trace.route:
                span.set("http.route", span.trace.route)


class RequestTracer:
    """ASGI middleware for an application without an EdgeCache in front, which does the same."""

    def __init__(self, application: Application, name: str = "Evergreen") -> None:
        self.app = application
        self.name = name

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or tracing.tracer is None:
            await self.app(scope, receive, send)
        else:
            await trace_request(self.app, self.name, scope, receive, send)


def _traceparents(headers: Iterable[Sequence[bytes]]) -> list[str]:
    """The trace that a trusted proxy names. A stranger could force recording, or join the traces of others."""
    if tracing.tracer is None or not tracing.tracer.trusts_parents:
        return []
    found = [bytes(value[:64]).decode("latin-1") for name, value in headers if name.lower() == b"traceparent"]
    return found if len(found) == 1 else []


def _note_response(span: Span, name: str, message: Message) -> Message:
    status, headers = message["status"], [(bytes(name), bytes(value)) for name, value in message.get("headers", ())]
    span.set("http.response.status_code", status)
    if status >= 500:
        span.fail(str(status))
    if span.trace.shows_id:
        headers = with_trace_id(headers, name, span.trace_id)
    # The outcome that the client gets and that metrics count.
    span.set("evergreen.cache", cache_of(outcome_of(headers)))
    return {**message, "headers": headers}


def with_trace_id(headers: Iterable[Field], name: str, trace_id: str) -> list[Field]:
    """The fields with the trace's id in the detail of Cache-Status, which is its last parameter."""
    shown, fields, is_set = f"trace={trace_id}".encode(), list[Field](), False
    for field, value in headers:
        if field.lower() == b"cache-status" and not is_set:
            has_detail = b'; detail="' in value and value.endswith(b'"')
            value = value[:-1] + b" " + shown + b'"' if has_detail else value + b'; detail="' + shown + b'"'
            is_set = True
        fields.append((field, value))
    return fields if is_set else [*fields, (b"cache-status", b'%b; fwd=bypass; detail="%b"' % (name.encode(), shown))]
