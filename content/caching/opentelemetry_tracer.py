"""Spans by the OpenTelemetry API. The engine does not import this module: the API is an optional package."""

from typing import Any

from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from .tracing import Value

_KINDS = {kind.name: kind for kind in SpanKind}


class OpenTelemetryTracer:
    """A Tracer of `tracing`. `tracer`: as `TracerProvider.get_tracer` returns it.

    `ratio` and `trusts_parents` as in `tracing.Tracer`.
    """

    def __init__(self, tracer: trace.Tracer, *, ratio: float, trusts_parents: bool = False) -> None:
        self.tracer = tracer
        self.ratio = ratio
        self.trusts_parents = trusts_parents

    def begin(self, name: str, kind: str, parent: Any) -> trace.Span:
        if isinstance(parent, str):
            parent = NonRecordingSpan(_span_context(parent))
        # Never the API's own current span: the parent is the one that `tracing` names.
        context = trace.set_span_in_context(parent if parent is not None else trace.INVALID_SPAN)
        return self.tracer.start_span(name, context, _KINDS[kind], record_exception=False)

    def traceparent_of(self, handle: trace.Span) -> str:
        context = handle.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"

    def set(self, handle: trace.Span, name: str, value: Value) -> None:
        handle.set_attribute(name, value)

    def rename(self, handle: trace.Span, name: str) -> None:
        handle.update_name(name)

    def link(self, handle: trace.Span, traceparent: str) -> None:
        handle.add_link(_span_context(traceparent))

    def fail(self, handle: trace.Span, reason: str) -> None:
        handle.set_attribute("error.type", reason)
        handle.set_status(Status(StatusCode.ERROR))

    def end(self, handle: trace.Span) -> None:
        handle.end()


def _span_context(traceparent: str) -> SpanContext:
    """The span that a valid traceparent names."""
    _, trace_id, span_id, flags = traceparent.split("-")
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
