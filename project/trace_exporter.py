"""Send spans to a collector by OTLP over HTTP, behind the requests. This module needs requirements/traces.lock."""

import atexit
import logging
import os
import socket
from collections.abc import Sequence
from threading import Thread

from celery import signals
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from project.wrong_settings import without_login

logger = logging.getLogger(__name__)

# Spans that wait. When the queue is full the oldest are dropped: about 4 MB.
MAX_WAITING = 2048
BATCH = 512
# Milliseconds between two batches.
INTERVAL = 2000
# Seconds for one batch with its retries, and at the end of a process for what is left.
TIMEOUT = 5.0
END_TIMEOUT = 1.0
LIMITS = SpanLimits(max_span_attributes=32, max_links=16, max_events=16, max_span_attribute_length=2000)


class ReportingExporter(SpanExporter):
    """Reports the first batch that a collector does not take, and the first that it takes again."""

    def __init__(self, url: str) -> None:
        self.shown = without_login(url)
        self.exporter = OTLPSpanExporter(endpoint=url, timeout=TIMEOUT)
        self.has_failed = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            result = self.exporter.export(spans)
        except Exception as error:
            self.report_failure(f"{type(error).__name__}: {error}")
            return SpanExportResult.FAILURE
        if result is not SpanExportResult.SUCCESS:
            self.report_failure("it does not answer, or refuses them")
        elif self.has_failed:
            self.has_failed = False
            logger.info("The collector at %s takes traces again.", self.shown)
        return result

    def report_failure(self, reason: str) -> None:
        if not self.has_failed:
            self.has_failed = True
            logger.warning(
                "Cannot send traces to %s (%s). They are dropped, and the site works without them. Check "
                "EVERGREEN_TRACES and the collector.",
                self.shown,
                reason,
            )

    def shutdown(self) -> None:
        self.exporter.shutdown()  # type: ignore[no-untyped-call]  # of the SDK

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self.exporter.force_flush(timeout_millis)


def start_provider(url: str, role: str, release: str) -> TracerProvider:
    """A provider of tracers for this process, which sends in a thread. It ends with the process, within a second.

    OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES name the service; OTEL_EXPORTER_OTLP_HEADERS are sent.
    """
    own: dict[str, str | int] = {
        "service.version": release,
        "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
        "process.pid": os.getpid(),
        "evergreen.role": role,
    }
    if "OTEL_SERVICE_NAME" not in os.environ:
        own["service.name"] = "evergreen"
    # Chance has decided before a span is made: `tracing.begin_root`.
    provider = TracerProvider(
        sampler=ALWAYS_ON, resource=Resource.create(dict(own)), shutdown_on_exit=False, span_limits=LIMITS
    )
    provider.add_span_processor(
        BatchSpanProcessor(
            ReportingExporter(url),
            max_queue_size=MAX_WAITING,
            schedule_delay_millis=INTERVAL,
            max_export_batch_size=BATCH,
        )
    )

    def stop(**kwargs: object) -> None:
        """Send what is left. A collector that does not answer must not hold up a restart."""
        last = Thread(target=provider.shutdown, name="last traces", daemon=True)
        last.start()
        last.join(END_TIMEOUT)

    atexit.register(stop)
    # A process of a pool runs no atexit functions.
    signals.worker_process_shutdown.connect(stop, weak=False)
    return provider
