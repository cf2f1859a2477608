"""Make the pages that the processes of readers have queued. It runs in a worker that has the application."""

import asyncio
import logging
from typing import Any
from urllib.parse import unquote, urlsplit

from ..refresh_queue import RefreshRequest, serve_queue
from ..tracing import CONSUMER, begin_trace, note
from .cache import EdgeCache
from .codings import SCHEMA
from .handover import fits
from .normalization import normalize
from .request import PERSONAL, Request
from .rules.fields import Field
from .rules.variants import HOST

logger = logging.getLogger("content.caching")

# Pages that are made at the same time, in batches.
_BATCH, _BATCHES = 4, 2
# Seconds between attempts to make a page whose parts are being loaded again.
_RETRIES = (0.05, 0.1, 0.2)


class PageWorker:
    """The worker's side of `Handover`. It checks each request as if a stranger had sent it."""

    def __init__(self, edge: EdgeCache) -> None:
        self._edge = edge

    async def work(self) -> None:
        """Make what is on the queue, until cancelled. Several workers share one queue."""
        queue = self._edge.engine.page_queue
        if queue is not None:
            await serve_queue(queue, self.make_batch, most=_BATCH, at_once=_BATCHES)

    async def make_batch(self, batch: list[RefreshRequest]) -> None:
        await asyncio.gather(*(self._make_or_log(message) for message in batch))

    async def _make_or_log(self, message: RefreshRequest) -> None:
        """An error of one page must not end the work on the next."""
        try:
            await self._make(message)
        except Exception:
            logger.exception("Cannot make a stale page in a worker. The process of its readers makes it.")

    async def _make(self, message: RefreshRequest) -> None:
        if message.schema != SCHEMA:
            return
        with begin_trace("page task", CONSUMER, [message.traceparent]):
            note("messaging.message.type", message.resource)
            await self._work_on(message)

    async def _work_on(self, message: RefreshRequest) -> None:
        match message.resource, message.parameters:
            case "codings", (str(key),):
                await self._edge.origin.codings.improve(key)
            case "page", parameters if (request := self.parse(parameters)) is not None:
                await self._edge.engine.ordering.catch_up_to(message.position)
                await self._make_page(request, message.seen_at)

    async def _make_page(self, request: Request, seen_at: float) -> None:
        for delay in (*_RETRIES, None):
            if await self._edge.make_again(request, seen_at) or delay is None:
                return
            await asyncio.sleep(delay)

    def parse(self, parameters: tuple[Any, ...]) -> Request | None:
        """The request of the queue. None if no reader of this site can have sent it."""
        try:
            url, pairs = parameters
            fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
            parts = urlsplit(url)
            scope = _scope_of(url, fields, parts.hostname, parts.port)
        except (AttributeError, TypeError, ValueError):
            return None
        profile = self._edge.profile
        visible = (profile.visible_fields or frozenset()) - PERSONAL - {b"host"}
        if not fits(url, fields) or any(name not in visible for name, _ in fields):
            return None
        request = normalize(Request(scope), profile)
        is_ours = HOST.fullmatch(request.host) and (profile.hosts is None or profile.hosts(request.host))
        if request.url != url or not is_ours or not request.has_path or profile.bypasses(scope["path"]):
            return None
        return request


def _scope_of(url: str, fields: list[Field], hostname: str | None, port: int | None) -> dict[str, Any]:
    """The ASGI scope of an anonymous request for that URL."""
    scheme, _, rest = url.partition("://")
    host, slash, rest = rest.partition("/")
    path, _, query = (slash + rest).partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": scheme,
        "path": unquote(path),
        "raw_path": path.encode("ascii"),
        "query_string": query.encode("ascii"),
        "root_path": "",
        "headers": [(b"host", host.encode("ascii")), *fields],
        "client": None,
        "server": (hostname, port),
        "extensions": {},
    }
