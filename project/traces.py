"""Start to send traces: once in each process that serves or works, after it was forked, and for a command."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from content.caching import tracing
from project import logs

COMMAND = "command"
# The process that has started.
_started: int | None = None


def start_traces(role: str) -> None:
    """Record and send traces as EVERGREEN_TRACES says. `role`: of this process: web, worker or command.

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
    # A person has started the command, or a timer: each run is recorded.
    ratio = 1.0 if role == COMMAND else settings.TRACES_RATIO
    tracing.install(OpenTelemetryTracer(tracer, ratio=ratio, trusts_parents=settings.TRACES_PARENT))
    logs.find_trace_id = tracing.current_trace_id


@contextmanager
def trace_command(name: str) -> Iterator[None]:
    """Record the block as one run of a command of manage.py. A status other than 0 marks the span as failed."""
    start_traces(COMMAND)
    with tracing.begin_root(f"command {name}") as span:
        try:
            yield
            ending = None
        except SystemExit as error:
            ending = error
        if ending is not None:
            _note_status(span, ending)
    if ending is not None:
        raise ending


def _note_status(span: tracing.Span | None, ending: SystemExit) -> None:
    # The interpreter takes None for 0, and a text for 1.
    status = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    if span is not None:
        span.set("process.exit.code", status)
        if status:
            span.fail(f"exit status {status}")
