"""Traces of this process, kept in memory by the real SDK."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from content.caching import tracing
from content.caching.opentelemetry_tracer import OpenTelemetryTracer
from tests.support.collector import Spans, spans_of


class Recording:
    """The spans that have ended."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    @property
    def spans(self) -> Spans:
        return spans_of(self.exporter.get_finished_spans())

    def clear(self) -> None:
        self.exporter.clear()


@contextmanager
def recorded(*, ratio: float = 1.0, trusts_parents: bool = False) -> Iterator[Recording]:
    """Record the traces that begin inside the block."""
    recording = Recording()
    tracer = recording.provider.get_tracer("tests")
    tracing.install(OpenTelemetryTracer(tracer, ratio=ratio, trusts_parents=trusts_parents))
    try:
        yield recording
    finally:
        tracing.install(None)
