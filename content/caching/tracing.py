"""Traces: the spans of a request, a load, a task or an invalidation, with their durations and attributes.

Without a tracer each place that makes a span looks at one variable. `install` sets a tracer, such as that of
`opentelemetry_tracer`. Whether a trace is recorded is decided once, where it begins, before any object is made.
Spans hold no personal data: no query strings, no values of statements, no messages of exceptions.
"""

import asyncio
import functools
import random
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextvars import Context, ContextVar, Token
from typing import Any, Protocol, TypeVar, cast

from .executor import inherited_variables

Value = str | int | float | bool | Sequence[str]
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

# Kinds of spans, as OpenTelemetry names them.
INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"
# Spans of one trace in one process. Later ones are counted, and left out.
MAX_SPANS = 1000
# Seconds after the end of a trace during which background work may still add spans to it.
LINGER = 30.0
MAX_LINKS = 16
# Characters of an attribute.
LONGEST_VALUE = 500
# W3C Trace Context, version 00, with ids that are not all zeros.
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class Tracer(Protocol):
    """Makes spans. A handle is what the tracer itself uses for a span.

    `ratio`: the share of traces that are recorded, 0 to 1. `trusts_parents`: whether requests may name their trace.
    """

    ratio: float
    trusts_parents: bool

    def begin(self, name: str, kind: str, parent: Any) -> Any:
        """`parent`: a handle, a traceparent, or None for a new trace."""

    def traceparent_of(self, handle: Any) -> str: ...

    def set(self, handle: Any, name: str, value: Value) -> None: ...

    def rename(self, handle: Any, name: str) -> None: ...

    def link(self, handle: Any, traceparent: str) -> None: ...

    def fail(self, handle: Any, reason: str) -> None: ...

    def end(self, handle: Any) -> None: ...


tracer: Tracer | None = None


def install(new: Tracer | None) -> None:
    """Use this tracer in this process from now on; None turns traces off."""
    global tracer
    tracer = new


class Trace:
    """The part of one trace that this process records. `route`, `shows_id`: see `edge.request_span`."""

    __slots__ = ("ended_at", "left_out", "made", "route", "shows_id", "tracer")

    def __init__(self, tracer: Tracer) -> None:
        self.tracer = tracer
        self.made = self.left_out = 0
        self.ended_at: float | None = None
        self.route = ""
        self.shows_id = False

    @property
    def is_open(self) -> bool:
        return self.ended_at is None or time.monotonic() - self.ended_at < LINGER

    def has_room(self) -> bool:
        """Count a span. False if the trace has ended, or has MAX_SPANS already."""
        if not self.is_open:
            return False
        if self.made >= MAX_SPANS:
            self.left_out += 1
            return False
        self.made += 1
        return True


class Span:
    """One recorded span. As a block it is the parent of the spans that begin inside."""

    __slots__ = ("_token", "handle", "is_root", "name", "queries", "trace", "traceparent")

    def __init__(self, trace: Trace, name: str, kind: str, parent: Any, *, is_root: bool) -> None:
        self.trace = trace
        self.name = name
        self.handle = trace.tracer.begin(name, kind, parent)
        self.traceparent = trace.tracer.traceparent_of(self.handle)
        self.is_root = is_root
        # SQL statements that ran directly below it.
        self.queries = 0
        self._token: Token[Span | None] | None = None

    @property
    def trace_id(self) -> str:
        return self.traceparent[3:35]

    def set(self, name: str, value: Value) -> None:
        self.trace.tracer.set(self.handle, name, value[:LONGEST_VALUE] if isinstance(value, str) else value)

    def rename(self, name: str) -> None:
        self.trace.tracer.rename(self.handle, name[:LONGEST_VALUE])

    def link(self, other: "Span | str | None") -> None:
        """Refer to a span of this or another trace: a load that this reader joined, or a request of a batch."""
        traceparent = other.traceparent if isinstance(other, Span) else other
        if traceparent and is_traceparent(traceparent):
            self.trace.tracer.link(self.handle, traceparent)

    def fail(self, reason: str) -> None:
        self.trace.tracer.fail(self.handle, reason)

    def end(self) -> None:
        if self.queries:
            self.set("evergreen.queries", self.queries)
        if self.is_root:
            self.trace.ended_at = time.monotonic()
            if self.trace.left_out:
                self.set("evergreen.spans_left_out", self.trace.left_out)
        self.trace.tracer.end(self.handle)

    def __enter__(self) -> "Span":
        self._token = current_span.set(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, place: Any) -> None:
        if self._token is not None:
            current_span.reset(self._token)
        if isinstance(error, asyncio.CancelledError):
            self.set("evergreen.cancelled", True)
        elif error is not None:
            self.fail(type(error).__qualname__)
        self.end()


class _NoSpan:
    """A block that is not recorded."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass


NO_SPAN = _NoSpan()
# The span that this code is part of. Loads, threads and tasks inherit it.
current_span: ContextVar[Span | None] = ContextVar("current_span", default=None)
inherited_variables.append(current_span)


def span(name: str, kind: str = INTERNAL) -> Span | _NoSpan:
    """A block of a recorded trace. Its value is the span, or None if this code is part of none."""
    return open_span(name, kind) or NO_SPAN


def open_span(name: str, kind: str = INTERNAL) -> Span | None:
    """A span below the current one, which does not become current. The caller ends it."""
    parent = current_span.get()
    if parent is None or not parent.trace.has_room():
        return None
    return Span(parent.trace, name, kind, parent.handle, is_root=False)


def begin_trace(name: str, kind: str = INTERNAL, parents: Iterable[str] = ()) -> Span | _NoSpan:
    """A block below the current span, or else the root of a trace, which chance decides to record or not.

    `parents`: traceparents of the requests for this work, of which each may be wrong. The trace of the first is
    continued, and the others are linked. One that says it is not recorded decides so.
    """
    here = current_span.get()
    if here is not None and here.trace.is_open:
        return span(name, kind)
    return begin_root(name, kind, parents)


def begin_root(name: str, kind: str = INTERNAL, parents: Iterable[str] = ()) -> Span | _NoSpan:
    """Like `begin_trace`, for what is part of no other work: a request, or a task."""
    if current_span.get() is not None:
        # It belongs to another request of the same connection, or to work that has ended.
        current_span.set(None)
    if tracer is None:
        return NO_SPAN
    known = [each for each in parents if is_traceparent(each)]
    recorded = [each for each in known if is_recorded(each)]
    if not recorded and (known or random.random() >= tracer.ratio):  # noqa: S311 - a share, no secret
        return NO_SPAN
    trace = Trace(tracer)
    trace.has_room()
    root = Span(trace, name, kind, recorded[0] if recorded else None, is_root=True)
    for other in recorded[1 : MAX_LINKS + 1]:
        root.link(other)
    return root


def current_span_of(name: str) -> Span | None:
    """The current span, if it began with that name. Where a trace has no room, the current span is another's."""
    here = current_span.get()
    return here if here is not None and here.name == name else None


def note(name: str, value: Value) -> None:
    """Set an attribute of the current span, if there is one."""
    if (here := current_span.get()) is not None:
        here.set(name, value)


def current_traceparent() -> str:
    """W3C traceparent of the current span, for messages to other processes. Empty without one."""
    here = current_span.get()
    return here.traceparent if here is not None and here.trace.is_open else ""


def current_trace_id() -> str:
    """32 hexadecimal digits, for log lines. Empty without a recorded trace."""
    return current_traceparent()[3:35]


def is_traceparent(text: object) -> bool:
    """Whether it is a valid W3C traceparent of version 00. Any text is allowed."""
    return isinstance(text, str) and len(text) == 55 and _TRACEPARENT.fullmatch(text) is not None


def is_recorded(traceparent: str) -> bool:
    return bool(int(traceparent[-2:], 16) & 1)


def choose_traced_context(contexts: Iterable[Context]) -> Context | None:
    """A copy of the first context that is part of a recorded trace, for work that several readers share."""
    if tracer is None:
        return None
    return next((context.copy() for context in contexts if context.get(current_span) is not None), None)


class Recorded(Protocol):
    """Work that may be recorded, such as a load that readers join."""

    @property
    def span(self) -> Span | None: ...


async def trace_wait(waiting: Awaitable[T], work: Recorded) -> T:
    """Wait for what another reader has begun, in a span that refers to that work."""
    with span("wait") as here:
        try:
            return await waiting
        finally:
            if here is not None:
                here.link(work.span)


def with_span(name: str, kind: str = INTERNAL) -> Callable[[F], F]:
    """Make each call of a function or coroutine function a span, if it is part of a recorded trace."""

    def decorate(function: F) -> F:
        async def run(*args: Any, **kwargs: Any) -> Any:
            with span(name, kind):
                return await function(*args, **kwargs)

        def run_sync(*args: Any, **kwargs: Any) -> Any:
            with span(name, kind):
                return function(*args, **kwargs)

        recorded = run if asyncio.iscoroutinefunction(function) else run_sync

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs) if current_span.get() is None else recorded(*args, **kwargs)

        return cast(F, call)

    return decorate
