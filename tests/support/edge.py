"""An application behind an edge, both in the test's own loop, and a client that asks them."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import uvicorn

from content.caching.edge import SHARED_CACHE, EdgeCache, Profile
from content.caching.edge.rules.fields import Fields
from tests.support.wire import exchange, server_config

Headers = dict[str, str] | list[tuple[str, str]]


@dataclass
class Response:
    """`status`, `fields` and `body` as a client gets them."""

    status: int
    fields: Fields
    body: bytes

    def __getitem__(self, name: str) -> str | None:
        return self.fields.combine(name.encode())

    @property
    def is_hit(self) -> bool:
        return "; hit" in (self["cache-status"] or "")

    @property
    def cache_status(self) -> str:
        return (self["cache-status"] or "").partition("; key=")[0]


WRITABLE = re.compile(r"/[!-\"$-~]*")


def is_writable(pair: tuple[bytes, bytes]) -> bool:
    name, value = pair
    return bool(re.fullmatch(rb"[A-Za-z0-9-]+", name)) and not re.search(rb"[\x00-\x1f\x7f]|^ | $", value)


def pairs_of(headers: Headers) -> list[tuple[bytes, bytes]]:
    pairs = headers.items() if isinstance(headers, dict) else headers
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs]


@dataclass
class Origin:
    """An application that returns its `headers` and `body`, and records requests. `before`: awaited by each call."""

    headers: Headers = field(default_factory=lambda: {"cache-control": "max-age=60"})
    status: int = 200
    body: bytes = b"hello"
    chunks: list[bytes] | None = None
    before: Callable[[], Awaitable[None]] | None = None
    error: Exception | None = None
    requests: list[dict[str, Any]] = field(default_factory=list)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self.requests.append(scope)
        await receive()
        if self.before is not None:
            await self.before()
        if self.error is not None:
            raise self.error
        pairs = pairs_of(self.headers)
        if self.chunks is None and not any(name == b"content-length" for name, _ in pairs):
            pairs.append((b"content-length", str(len(self.body)).encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": pairs})
        for chunk in self.chunks or []:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        body = b"" if self.chunks else self.body
        await send({"type": "http.response.body", "body": body, "more_body": False})

    @property
    def count(self) -> int:
        return len(self.requests)

    def fields(self, number: int = -1) -> Fields:
        return Fields(self.requests[number]["headers"])


class Site:
    """An origin, the edge before it, and a clock that only the test moves.

    `transport`: "asgi", or "protocol" for bytes on a connection. A request that HTTP/1.1 cannot write goes through
    ASGI in any case.
    """

    transport = "asgi"

    def __init__(self, origin: Any, profile: Profile = SHARED_CACHE, **options: Any) -> None:
        self.origin = origin
        self.edge = EdgeCache(origin, profile=profile, **options)
        self.now = 1_700_000_000.0
        self.edge.engine.clock = lambda: self.now

    @cached_property
    def config(self) -> uvicorn.Config:
        """The configuration of the server, made once: to load it takes longer than a request."""
        return server_config(self.edge)

    def forward(self, seconds: float) -> None:
        self.now += seconds

    async def ask(
        self, path: str = "/", headers: Headers | None = None, *, method: str = "GET", host: str = "site"
    ) -> Response:
        pairs = [(b"host", host.encode()), *pairs_of(headers or {})]
        if (
            self.transport == "protocol"
            and WRITABLE.fullmatch(path)
            and host
            and all(is_writable(pair) for pair in pairs)
        ):
            status, fields, body = await exchange(self.config, method, path, pairs)
            return Response(status, Fields(fields), body)
        return await self.call(self.scope(path, headers, method, host))

    async def ask_decoded(self, path: str, query: bytes) -> Response:
        """Ask as a server does that passes only the decoded path."""
        scope = self.scope(path, None) | {"path": path, "raw_path": None, "query_string": query}
        return await self.call(scope)

    async def call(self, scope: dict[str, Any]) -> Response:
        messages: list[dict[str, Any]] = []

        async def send(message: Any) -> None:
            messages.append(message)

        await self.edge(scope, self.nothing_more(), send)
        start = next(message for message in messages if message["type"] == "http.response.start")
        body = b"".join(message.get("body", b"") for message in messages if message["type"] == "http.response.body")
        return Response(start["status"], Fields(start["headers"]), body)

    def scope(self, path: str, headers: Headers | None, method: str = "GET", host: str = "site") -> dict[str, Any]:
        raw, _, query = path.partition("?")
        return {
            "type": "http",
            "method": method,
            "scheme": "http",
            "path": raw,
            "raw_path": raw.encode("latin-1"),
            "query_string": query.encode("latin-1"),
            "headers": [(b"host", host.encode()), *pairs_of(headers or {})],
            "extensions": {},
        }

    def nothing_more(self) -> Callable[[], Awaitable[dict[str, Any]]]:
        """A request without a body, from a client that stays."""
        is_first = True

        async def receive() -> dict[str, Any]:
            nonlocal is_first
            if is_first:
                is_first = False
                return {"type": "http.request", "body": b"", "more_body": False}
            await asyncio.Event().wait()
            raise AssertionError

        return receive


async def wait_for_tasks(site: Site) -> None:
    """Wait until the edge has no task left."""
    while tasks := site.edge.engine.loop_state().tasks:
        await asyncio.wait(set(tasks))


async def wait_for_encoder(site: Site) -> None:
    """Wait until no page waits to be compressed."""
    await wait_for_tasks(site)


async def settle() -> None:
    """Let each task run until it waits for something outside the event loop."""
    for _ in range(50):
        await asyncio.sleep(0)
