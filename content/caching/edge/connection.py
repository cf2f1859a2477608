"""The parts of an EdgeProtocol connection: bounds, flow control, header parser, proxy headers and shared caches."""

import copy
from collections.abc import Sized
from time import perf_counter_ns
from typing import Any, NamedTuple

import httptools
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.flow_control import FlowControl as UvicornFlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from ..metrics.process_counts import process_counts
from .request import ParsedRequest, RequestCache
from .request_counter import COUNTED
from .response_cycle import CountedCycle
from .rules.fields import Field

# Seconds to receive one head, and seconds that an idle connection stays open during shutdown. A request that arrives
# in that time is answered with "connection: close".
HEAD_SECONDS, LAST_SECONDS = 20.0, 1.0
# Bounds of a head: bytes and fields.
LARGEST_HEAD, MOST_FIELDS = 64 * 1024, 256
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
# Number and bytes of cached requests. Most share the parsed form of their header section.
_MOST_CANDIDATES, _MOST_CANDIDATE_BYTES = 16 * 1024, 24 * 1024 * 1024
# Pipelined requests that may wait behind the current one.
MOST_WAITING = 64


class HeaderSection(NamedTuple):
    """A parsed header section. `client`: the client's address, if a trusted proxy has sent one."""

    parsed: ParsedRequest | None
    client: Any = None


# A request that may be a plain hit: section, parsed request, key, whether it is HEAD, method and target.
HitCandidate = tuple[HeaderSection, ParsedRequest, str, bool, bytes]

Defaults = list[tuple[bytes, bytes]]


class SharedCaches:
    """Caches shared by connections with the same scheme, the same port and the same trust in their peer."""

    def __init__(self) -> None:
        self.sections: RequestCache[HeaderSection] = RequestCache()
        # Whole requests for hot pages.
        self.candidates: RequestCache[HitCandidate] = RequestCache(_MOST_CANDIDATES, _MOST_CANDIDATE_BYTES)
        self.defaults: Defaults | None = None
        self._encoded_defaults = b""

    def encode_defaults(self, defaults: Defaults) -> bytes:
        """Encode uvicorn's default headers. uvicorn makes a new list each second, for Date."""
        if defaults is not self.defaults:
            self.defaults = defaults
            self._encoded_defaults = b"".join(b"%b: %b\r\n" % pair for pair in defaults)
        return self._encoded_defaults


class HeaderParser:
    """Parse a header section with the parser that uvicorn uses.

    `is_plain`: the request is complete, has no body, and keeps the connection open.
    """

    def __init__(self, content: bytes) -> None:
        self.pairs: list[Field] = []
        self._is_complete = self._keeps_alive = False
        self.is_plain = self._parse(content)

    def _parse(self, content: bytes) -> bool:
        self.parser = httptools.HttpRequestParser(self)
        try:
            self.parser.feed_data(b"GET / HTTP/1.1\r\n" + content)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return False
        finally:
            # The parser refers to this object. Without `del`, only the garbage collector would free the two.
            del self.parser
        return self._is_complete and self._keeps_alive

    def on_header(self, name: bytes, value: bytes) -> None:
        self.pairs.append((name.lower(), value))

    def on_message_complete(self) -> None:
        """Ask here whether the connection stays open: the parser forgets it afterwards. An upgrade raises in
        `_parse`.
        """
        self._is_complete, self._keeps_alive = True, bool(self.parser.should_keep_alive())


class Forwarding:
    """Apply the proxy headers that uvicorn would apply."""

    def __init__(self, middleware: ProxyHeadersMiddleware | None) -> None:
        self.middleware: Any = copy.copy(middleware)
        if self.middleware is not None:
            self.middleware.app = self._ignore

    async def _ignore(self, scope: Any, receive: Any, send: Any) -> None:
        """Stand in for the application: only the changed scope matters."""

    def trusts(self, client: tuple[str, int] | None) -> bool:
        """Whether the peer is trusted. Unix-socket peers have no address; only `*` trusts them."""
        return self.middleware is not None and (client[0] if client else None) in self.middleware.trusted_hosts

    def apply(self, scope: dict[str, Any]) -> None:
        """Update the scheme and client of a scope. The middleware never waits, so a single step completes it."""
        if self.middleware is None:
            return
        step = self.middleware(scope, None, None)
        try:
            step.send(None)
        except StopIteration:
            return
        raise RuntimeError("uvicorn's ProxyHeadersMiddleware awaited something; it must finish in one step")


class FlowControl(UvicornFlowControl):
    """Pause reading while many requests wait, or data that was read (`is_held`). uvicorn alone would read more after
    each response.
    """

    def __init__(self, transport: Any, waiting: Sized) -> None:
        super().__init__(transport)
        self.waiting = waiting
        self.is_held = False

    def resume_reading(self) -> None:
        if not self.is_held and len(self.waiting) <= MOST_WAITING:
            super().resume_reading()


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with bounds: seconds, bytes and fields of a head, and pipelined requests that wait.

    It also reports a disconnect to the request that is being answered, and lets a request in transit arrive during
    shutdown.
    """

    # In slots, here and in EdgeProtocol: objects of one class share the keys of their attributes while those are 30
    # at most, and uvicorn has 27. That is 1.2 KB of a connection.
    __slots__ = (
        "_active_cycle",
        "_body_received",
        "_head_size",
        "_is_in_message",
        "_is_shutting_down",
        "_is_too_large",
        "head_started_at",
        "idle_since",
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._is_in_message = self._is_shutting_down = self._is_too_large = False
        self.head_started_at: float | None = None
        # Bytes of the current head, and of the last body in the data just received.
        self._head_size = self._body_received = 0
        self.idle_since = self.loop.time()
        # The cycle that is being answered. In a pipeline, `cycle` is the last one.
        self._active_cycle: RequestResponseCycle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.flow = FlowControl(transport, self.pipeline)
        self.idle_since = self.loop.time()
        self._start_timer(self.timeout_keep_alive)

    def data_received(self, data: bytes) -> None:
        self._body_received = 0
        super().data_received(data)
        self._watch_head(data)

    def _is_idle(self) -> bool:
        return not (self._is_in_message or self.pipeline or self._is_responding())

    def _is_responding(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _watch_head(self, data: bytes) -> None:
        """Bound the time and size of an open head. Earlier requests in the same data do not count."""
        if self.transport.is_closing():
            return
        if self.head_started_at is None:
            # Empty lines start no request, but have stopped the timer. A WebSocket connection is no longer ours.
            if self.timeout_keep_alive_task is None and self._is_idle() and self in self.connections:
                self._start_timer(self.timeout_keep_alive)
            return
        blank = data.rfind(b"\r\n\r\n")
        begin = 0 if blank < 0 else blank + 4 + self._body_received
        self._head_size += max(0, len(data) - begin)
        if self._head_size > LARGEST_HEAD:
            self._refuse_head()
        elif self.timeout_keep_alive_task is None:
            self._start_timer(HEAD_SECONDS)

    def _start_timer(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        """Plain hits do not restart the timer, so it checks itself whether data has arrived."""
        self.timeout_keep_alive_task = None
        if self._is_responding():
            # A response is due. uvicorn starts another timer after it.
            return
        if self.head_started_at is not None:
            left = self.head_started_at + HEAD_SECONDS - self.loop.time()
        else:
            left = self.idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._start_timer(left)
        else:
            super().timeout_keep_alive_handler()

    def on_message_begin(self) -> None:
        self._is_in_message, self.head_started_at, self._head_size = True, self.loop.time(), 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self.head_started_at, self._body_received = None, 0
        if len(self.headers) > MOST_FIELDS or len(self.url) + sum(map(_len_of_field, self.headers)) > LARGEST_HEAD:
            self._is_too_large = True
            raise ValueError("request head too large")
        super().on_headers_complete()
        if self._is_shutting_down and self.cycle is not None:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._body_received += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_in_message = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        if self._is_too_large:
            self._refuse_head()
        else:
            self._count_refusal(400)
            super().send_400_response(msg)

    def _refuse_head(self) -> None:
        self._count_refusal(431)
        self.transport.write(_TOO_LARGE)
        self.transport.close()

    def _count_refusal(self, status: int) -> None:
        began_at = self.head_started_at
        taken = self.loop.time() - began_at if began_at is not None else 0.0
        process_counts.count_response(status, "none")
        process_counts.time_response("none", round(taken * 1e9))

    # --- the end ----------------------------------------------------------------------------------------------

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._active_cycle = cycle
        # uvicorn makes it, and has no setting for its class.
        cycle.__class__ = CountedCycle
        cycle.began, cycle.is_plain_hit = perf_counter_ns(), False  # type: ignore[attr-defined]
        cycle.scope[COUNTED] = cycle  # type: ignore[literal-required]
        super()._start_asgi_task(cycle, app)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the active request of the disconnect; uvicorn tells only the last of a pipeline. Stop the timer, which
        uvicorn leaves after a reset.
        """
        if self._active_cycle is not None and not self._active_cycle.response_complete:
            self._active_cycle.disconnected = True
            self._active_cycle.message_event.set()
        super().connection_lost(exc)
        self.pipeline.clear()
        self._unset_keepalive_if_required()

    def on_response_complete(self) -> None:
        self.idle_since = self.loop.time()
        if self.head_started_at is not None:
            # Reading had paused until this response was complete.
            self.head_started_at = self.idle_since
        super().on_response_complete()

    def shutdown(self) -> None:
        """Close idle connections after a delay, since a request may be on its way. It is answered with "connection:
        close".
        """
        self._is_shutting_down = True
        if self._is_responding():
            super().shutdown()
        else:
            self.loop.call_later(LAST_SECONDS, self._close_if_quiet)

    def _close_if_quiet(self) -> None:
        if not self._is_responding():
            self.transport.close()


def _len_of_field(field: tuple[bytes, bytes]) -> int:
    return len(field[0]) + len(field[1]) + 4
