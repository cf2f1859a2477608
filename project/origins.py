"""The origins that this server process serves, and their record in Redis, by which commands and workers know them.

They are the configured ones, the address that the process listens on, and those of requests that miss the cache. A
request counts only if ALLOWED_HOSTS names its host in full: behind a wildcard, strangers could invent origins.
"""

import asyncio
import contextlib

from django.conf import settings
from django.http.request import split_domain_port

from content.caching.edge.asgi import Application, Message, Receive, Send
from content.warming.origins import MOST_ORIGINS, RENEW_EVERY, parse_origin, record_origins

# Seconds until a record is tried again when Redis was down.
RETRY_AFTER = 5.0


class ServedOrigins:
    """The origins that readers use, MOST_ORIGINS at most. `record` runs as long as the process serves."""

    def __init__(self) -> None:
        self.origins: dict[str, None] = {}
        self._added: asyncio.Event | None = None

    def add(self, text: str) -> None:
        origin = parse_origin(text)
        if origin is None or origin in self.origins or len(self.origins) >= MOST_ORIGINS:
            return
        self.origins[origin] = None
        if self._added is not None:
            self._added.set()

    def add_request(self, scope: Message) -> None:
        """The origin of a request, as the edge has it in its keys."""
        host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
        scheme = scope.get("scheme", "http")
        if settings.SECURE_SSL_REDIRECT and scheme != "https":
            return
        if split_domain_port(host)[0] in settings.ALLOWED_HOSTS:
            self.add(f"{scheme}://{host.lower()}")

    async def record(self) -> None:
        """Record them in Redis when one is added and every RENEW_EVERY seconds, until cancelled."""
        self._added = asyncio.Event()
        for origin in settings.WARM_ORIGINS:
            self.add(origin)
        while True:
            self._added.clear()
            is_recorded = not self.origins or await record_origins(self.origins)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._added.wait(), RENEW_EVERY if is_recorded else RETRY_AFTER)


served_origins = ServedOrigins()


def with_origins(application: Application) -> Application:
    """Note the origin of each request that reaches the application. Hits of the edge do not."""

    async def note_origin(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            served_origins.add_request(scope)
        await application(scope, receive, send)

    return note_origin
