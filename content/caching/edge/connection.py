"""The parts of an EdgeProtocol connection: header parser, proxy headers, flow control and shared caches."""

import copy
from collections.abc import Sized
from typing import Any, NamedTuple

import httptools
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.flow_control import FlowControl as UvicornFlowControl

from .request import ParsedRequest, RequestCache
from .rules.fields import Field

# Number and bytes of cached requests. Most share the parsed form of their header section.
_MOST_CANDIDATES, _MOST_CANDIDATE_BYTES = 16 * 1024, 64 * 1024 * 1024
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
    """Caches shared by connections with the same scheme and the same trust in their peer."""

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
    """Pause reading while many requests wait. uvicorn alone would read more after each response."""

    def __init__(self, transport: Any, waiting: Sized) -> None:
        super().__init__(transport)
        self.waiting = waiting

    def resume_reading(self) -> None:
        if len(self.waiting) <= MOST_WAITING:
            super().resume_reading()
