"""Start to send traces: once in each process that serves or works, after it was forked."""

import os

from django.conf import settings

from content.caching import tracing
from project import logs

# The process that has started.
_started: int | None = None


def start_traces(role: str) -> None:
    """Record and send traces as EVERGREEN_TRACES says. `role`: of this process, web or worker.

    No effect without EVERGREEN_TRACES, or if this process sends already.
    """
    global _started
    if not settings.TRACES_URL or _started == os.getpid():
        return
    # Imported late: the SDK is installed apart, and takes time and memory.
    from content.caching.opentelemetry_tracer import OpenTelemetryTracer
    from project.trace_exporter import start_provider

    _started = os.getpid()
    provider = start_provider(settings.TRACES_URL, role, settings.CACHE_RELEASE)
    tracer = provider.get_tracer("evergreen")
    tracing.install(OpenTelemetryTracer(tracer, ratio=settings.TRACES_RATIO, trusts_parents=settings.TRACES_PARENT))
    logs.find_trace_id = tracing.current_trace_id
