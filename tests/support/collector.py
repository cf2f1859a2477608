"""An OpenTelemetry collector of the tests: it takes OTLP over HTTP, and keeps the spans."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan

from tests.support.wait import wait_until

KINDS = ("", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")


@dataclass
class RecordedSpan:
    """One span. Times are Unix seconds; `process` says which process has sent it, such as `web 4711`."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    begun: float
    ended: float
    attributes: dict[str, Any]
    links: list[tuple[str, str]]
    failed: bool
    process: str = ""

    @property
    def seconds(self) -> float:
        return self.ended - self.begun


class Spans(list[RecordedSpan]):
    def named(self, name: str) -> list[RecordedSpan]:
        return [span for span in self if span.name == name]

    def one(self, name: str) -> RecordedSpan:
        [span] = self.named(name)
        return span

    def beginning(self, text: str) -> list[RecordedSpan]:
        return [span for span in self if span.name.startswith(text)]

    def children_of(self, parent: RecordedSpan) -> list[RecordedSpan]:
        return [span for span in self if span.parent_id == parent.span_id]

    @property
    def are_whole(self) -> bool:
        """Whether all have come that these are below."""
        return {span.parent_id for span in self} <= {"", *(span.span_id for span in self)}

    def is_below(self, span: RecordedSpan, ancestor: RecordedSpan) -> bool:
        by_id = {each.span_id: each for each in self}
        above: RecordedSpan | None = span
        while above is not None and above != ancestor:
            above = by_id.get(above.parent_id)
        return above == ancestor


def spans_of(ended: tuple[ReadableSpan, ...]) -> Spans:
    """Spans of an exporter in memory."""
    return Spans(map(_from_sdk, ended))


def _from_sdk(span: ReadableSpan) -> RecordedSpan:
    context, parent = span.get_span_context(), span.parent
    assert context is not None
    return RecordedSpan(
        trace_id=f"{context.trace_id:032x}",
        span_id=f"{context.span_id:016x}",
        parent_id=f"{parent.span_id:016x}" if parent is not None else "",
        name=span.name,
        kind=span.kind.name,
        begun=(span.start_time or 0) / 1e9,
        ended=(span.end_time or 0) / 1e9,
        attributes=dict(span.attributes or {}),
        links=[(f"{link.context.trace_id:032x}", f"{link.context.span_id:016x}") for link in span.links],
        failed=not span.status.is_ok and not span.status.is_unset,
    )


def _value_of(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value_of(each) for each in value.array_value.values]
    return getattr(value, kind) if kind else None


def _attributes_of(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value_of(pair.value) for pair in pairs}


@dataclass
class Collector:
    """Its address, and the spans that it has taken. While `status` is not 200 it refuses them."""

    url: str = ""
    status: int = 200
    spans: Spans = field(default_factory=Spans)
    resources: list[dict[str, Any]] = field(default_factory=list)
    requests: int = 0

    def take(self, body: bytes) -> None:
        message = ExportTraceServiceRequest()
        message.ParseFromString(body)
        for resource_spans in message.resource_spans:
            resource = _attributes_of(resource_spans.resource.attributes)
            self.resources.append(resource)
            process = f"{resource.get('evergreen.role')} {resource.get('process.pid')}"
            for scope in resource_spans.scope_spans:
                self.spans += [_from_otlp(span, process) for span in scope.spans]

    def wait_for(self, name: str, count: int = 1) -> list[RecordedSpan]:
        """The spans of that name, once it has so many."""
        wait_until(lambda: len(self.spans.named(name)) >= count, f"the collector has {count} spans {name!r}")
        return self.spans.named(name)


def _from_otlp(span: Any, process: str) -> RecordedSpan:
    return RecordedSpan(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        name=span.name,
        kind=KINDS[span.kind],
        begun=span.start_time_unix_nano / 1e9,
        ended=span.end_time_unix_nano / 1e9,
        attributes=_attributes_of(span.attributes),
        links=[(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
        failed=span.status.code == 2,
        process=process,
    )


@contextmanager
def running_collector(port: int = 0) -> Iterator[Collector]:
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.requests += 1
            if collector.status == 200 and self.path == "/v1/traces":
                collector.take(body)
            self.send_response(collector.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    collector.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
