"""What clients of EdgeProtocol ask for, as far as it was read before."""

import copy
from typing import Any, NamedTuple

import httptools
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from content.caching.edge.parsed_request import ParsedRequest
from content.caching.edge.request_cache import RequestCache
from content.caching.edge.rules.fields import Field

# Whole requests that are remembered: most of them share what their sections ask for.
_MOST_CANDIDATES, _MOST_CANDIDATE_BYTES = 16 * 1024, 64 * 1024 * 1024


class HeaderSection(NamedTuple):
    """Who sends a header section: `parsed` for what; `client`, if a proxy has said which."""

    parsed: ParsedRequest | None
    client: Any = None


# A request that may be a plain hit: who asks for what, under which key, whether by HEAD, and its method and target.
HitCandidate = tuple[HeaderSection, ParsedRequest, str, bool, bytes]

Defaults = list[tuple[bytes, bytes]]


class SharedCaches:
    """What is known of requests that come the same way: by the same scheme, and trusted alike to speak for others."""

    def __init__(self) -> None:
        self.sections: RequestCache[HeaderSection] = RequestCache()
        # Whole requests for what is hot.
        self.candidates: RequestCache[HitCandidate] = RequestCache(_MOST_CANDIDATES, _MOST_CANDIDATE_BYTES)
        self.defaults: Defaults | None = None
        self._encoded_defaults = b""

    def encode_defaults(self, defaults: Defaults) -> bytes:
        """What uvicorn says with every answer, its Date among it: once a second another list."""
        if defaults is not self.defaults:
            self.defaults = defaults
            self._encoded_defaults = b"".join(b"%b: %b\r\n" % pair for pair in defaults)
        return self._encoded_defaults


class HeaderParser:
    """Of a request without a body, complete, after which the connection stays; else `is_plain` is False."""

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
            # It holds this object: the two would wait for the collector.
            del self.parser
        return self._is_complete and self._keeps_alive

    def on_header(self, name: bytes, value: bytes) -> None:
        self.pairs.append((name.lower(), value))

    def on_message_complete(self) -> None:
        """The parser forgets behind it whether the connection stays. An upgrade is an error, in `_parse`."""
        self._is_complete, self._keeps_alive = True, bool(self.parser.should_keep_alive())


class Forwarding:
    """What a trusted proxy says of its client, by uvicorn's own rules."""

    def __init__(self, middleware: ProxyHeadersMiddleware | None) -> None:
        self.middleware: Any = copy.copy(middleware)
        if self.middleware is not None:
            self.middleware.app = self._ignore

    async def _ignore(self, scope: Any, receive: Any, send: Any) -> None:
        """Behind the middleware there is nothing but the scope, which it has altered."""

    def trusts(self, client: tuple[str, int] | None) -> bool:
        """Who comes by a Unix socket has no name, and is trusted by whoever trusts all."""
        return self.middleware is not None and (client[0] if client else None) in self.middleware.trusted_hosts

    def apply(self, scope: dict[str, Any]) -> None:
        """To the scheme and the client of a scope. The middleware waits for nothing: one step ends it."""
        if self.middleware is None:
            return
        step = self.middleware(scope, None, None)
        try:
            step.send(None)
        except StopIteration:
            return
        raise RuntimeError("the middleware for proxy headers waits for something")
