"""The span of a task. Its message carries the traceparent of who sends it (W3C Trace Context)."""

from typing import Any

from celery import signals

from content.caching.tracing import CONSUMER, Span, begin_root, current_traceparent

HEADER = "traceparent"
# The spans of running tasks, by id.
running: dict[str, Span] = {}


@signals.before_task_publish.connect
def send_traceparent(headers: dict[str, Any] | None = None, **kwargs: Any) -> None:
    if headers is not None and (traceparent := current_traceparent()):
        headers[HEADER] = traceparent


@signals.task_prerun.connect
def begin_span(task_id: str, task: Any, **kwargs: Any) -> None:
    """Continue the sender's trace. A message may have anything in its header."""
    traceparent = task.request.get(HEADER)
    parents = [traceparent] if isinstance(traceparent, str) else []
    begun = begin_root(f"task {task.name.rpartition('.')[2]}", CONSUMER, parents)
    if not isinstance(begun, Span):
        return
    running[task_id] = begun.__enter__()
    begun.set("messaging.system", "celery")
    begun.set("messaging.operation.type", "process")
    begun.set("messaging.destination.name", str((task.request.delivery_info or {}).get("routing_key", "")))
    begun.set("messaging.message.id", task_id)


@signals.task_failure.connect
def note_failure(task_id: str, exception: BaseException, **kwargs: Any) -> None:
    if (span := running.get(task_id)) is not None:
        span.fail(type(exception).__qualname__)


@signals.task_postrun.connect
def end_span(task_id: str, **kwargs: Any) -> None:
    if (span := running.pop(task_id, None)) is not None:
        span.__exit__(None, None, None)
