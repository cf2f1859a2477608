"""A header section in the bytes that came, read by the same parser as any other request."""

import copy
from typing import Any

import httptools
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from content.caching.edge.rules.fields import Field


class Section:
    """Of a request without a body, complete, after which the connection stays; else `is_plain` is False."""

    def __init__(self, content: bytes) -> None:
        self.pairs: list[Field] = []
        self.is_complete = self.stays = False
        self.is_plain = self.reads(content)

    def reads(self, content: bytes) -> bool:
        self.parser = httptools.HttpRequestParser(self)
        try:
            self.parser.feed_data(b"GET / HTTP/1.1\r\n" + content)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return False
        finally:
            # It holds this object: the two would wait for the collector.
            del self.parser
        return self.is_complete and self.stays

    def on_header(self, name: bytes, value: bytes) -> None:
        self.pairs.append((name.lower(), value))

    def on_message_complete(self) -> None:
        """The parser forgets behind it whether the connection stays. An upgrade is an error, in `reads`."""
        self.is_complete, self.stays = True, bool(self.parser.should_keep_alive())


class Forwarding:
    """What a trusted proxy says of its client, by uvicorn's own rules."""

    def __init__(self, middleware: ProxyHeadersMiddleware | None) -> None:
        self.middleware: Any = copy.copy(middleware)
        if self.middleware is not None:
            self.middleware.app = self.ignored

    async def ignored(self, scope: Any, receive: Any, send: Any) -> None:
        """Behind the middleware there is nothing but the scope, which it has altered."""

    def trusts(self, client: tuple[str, int] | None) -> bool:
        """Who comes by a Unix socket has no name, and is trusted by whoever trusts all."""
        return self.middleware is not None and (client[0] if client else None) in self.middleware.trusted_hosts

    def applied(self, scope: dict[str, Any]) -> None:
        """To the scheme and the client of a scope. The middleware waits for nothing: one step ends it."""
        if self.middleware is None:
            return
        step = self.middleware(scope, None, None)
        try:
            step.send(None)
        except StopIteration:
            return
        raise RuntimeError("the middleware for proxy headers waits for something")
