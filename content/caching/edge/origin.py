"""The application behind an edge: how it is cached, where its pages are stored, and the requests that it gets.

For checks it is called past the cache: nothing is looked up, and nothing is stored.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any
from urllib.parse import unquote, urlsplit

from ..engine import Engine
from ..engines import engine_of, engines, local_engine
from ..read_counts import reads
from .asgi import Application, Client, Message
from .codings import PageCodings
from .page import Page, heat_name
from .page_store import PageStore, StoredPage
from .profile import Profile
from .representation import fields_without_tags
from .request import Request
from .rules.conditions import CONDITIONS, ORIGIN_CONDITIONS, conditional_fields
from .rules.fields import CacheStatus, Field, Fields


class Origin:
    """`cache`: the alias of the engine that stores the pages. Without it: memory of this process, `memory` bytes."""

    def __init__(self, app: Application, profile: Profile, cache: str | None, memory: int) -> None:
        self.app = app
        self.profile = profile
        self._alias = cache or "default"
        self._own = local_engine(memory) if cache is None else None
        self.codings = PageCodings(profile, lambda: self.engine)

    @property
    def engine(self) -> Engine:
        # Repeats `engine_of` without the call: every hit runs this.
        return self._own or engines.get(self._alias) or engine_of(self._alias)

    @property
    def page_store(self) -> PageStore:
        return PageStore(self.engine)

    def clock(self) -> float:
        return self.engine.clock()

    def count_read(self, page: Page) -> None:
        """Count a read that is no plain hit. Only responses that others may get are pages, so no URL is private."""
        if self.engine.heat is not None:
            reads.add(heat_name(page))

    def count_fresh_read(self, stored: StoredPage) -> None:
        """Also count a read of a fresh stored page that was sent: warming may have loaded it."""
        if self.engine.heat is not None:
            reads.add_warmed(stored.key, stored.header)

    def start_task(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run it in the background; the event loop's state holds the task."""
        return self.engine.loop_state().begin(work)

    def outgoing_fields(self, fields: Fields, cache_status: CacheStatus) -> list[Field]:
        """Fields of a response that is passed on, or sent before it is complete."""
        return [
            *fields_without_tags(fields, self.profile).pairs,
            (b"cache-status", cache_status.encode(self.profile.name)),
        ]


# ASGI extensions that send a body past the edge.
_UNSEEN_EXTENSIONS = ("http.response.pathsend", "http.response.zerocopysend", "http.response.trailers")
# Scope key: whether the edge serves and counts the page that this call makes.
_COUNTED = "evergreen.edge"
# The validators of the stored page. The application always sees them.
_VALIDATORS = frozenset({b"if-none-match", b"if-modified-since"})


class OriginRequest:
    """The request to the application, derived from the client's.

    `old`: the stored page to validate. `shared`: others may get the response. `personal`: only this client may get
    it.
    """

    def __init__(
        self,
        profile: Profile,
        request: Request,
        old: StoredPage | None,
        client: Client | None,
        *,
        shared: bool,
        personal: bool,
    ) -> None:
        self.profile = profile
        self.request = request
        self.client = client
        self.is_shared = shared
        self.is_personal = personal
        self.page = old.value if old is not None and isinstance(old.value, Page) else None
        self.validates = self.page is not None and self.page.can_be_validated
        self.may_ask_whole = not any(name in request.fields for name in ORIGIN_CONDITIONS)
        self._has_begun = False
        # Set when no other request waits for the response. Only then the application learns that the client
        # disconnected.
        self.is_exclusive = asyncio.Event()

    def scope(self) -> Message:
        scope = self.request.scope
        extensions = {
            name: each for name, each in (scope.get("extensions") or {}).items() if name not in _UNSEEN_EXTENSIONS
        }
        method = "GET" if self.request.method == "HEAD" and self.profile.makes_whole else self.request.method
        more = {"method": method, "headers": self.headers(), "extensions": extensions, _COUNTED: not self.is_personal}
        return {**scope, **more}

    def headers(self) -> list[Field]:
        fields: Fields = self.request.fields
        profile = self.profile
        if self.page is not None and self.validates:
            fields = Fields.of(tuple(conditional_fields(fields, self.page)))
        elif profile.makes_whole and self.may_ask_whole:
            fields = fields.without([*CONDITIONS, b"range"])
        if profile.visible_fields is None or self.is_personal:
            return list(fields.pairs)
        visible = profile.visible_fields | _VALIDATORS
        # In lower case, as in the key.
        return [
            (name, value.lower() if name == b"host" else value) for name, value in fields.pairs if name in visible
        ]

    async def receive(self) -> Message:
        """Hide the client's body and disconnect while others may share the response. No key covers the body, and the
        others would have to wait for it.
        """
        is_first, self._has_begun = not self._has_begun, True
        if self.client is not None and self.client.has_body and self.passes_body:
            return await self.client.receive()
        if is_first:
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.is_exclusive.wait()
        return await self.client.wait_until_gone() if self.client is not None else {"type": "http.disconnect"}

    @property
    def passes_body(self) -> bool:
        """Whether the application gets the body of a GET, which has no defined meaning (RFC 9110, section 9.3.1)."""
        return not self.is_shared and (self.is_personal or self.profile.visible_fields is None)


async def call_application(origin: Origin, page: Page) -> tuple[int, bytes]:
    """Status and body of the application's response. Raises its errors."""
    request = Request(scope_of(page))
    origin_request = OriginRequest(origin.profile, request, None, None, shared=True, personal=False)
    status, body = 0, list[bytes]()

    async def receive_response(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message["type"] == "http.response.body":
            body.append(bytes(message.get("body", b"")))

    await origin.app(origin_request.scope(), origin_request.receive, receive_response)
    return status, b"".join(body)


def scope_of(page: Page) -> dict[str, Any]:
    """An anonymous request for the page's URL, with the fields by which it was chosen."""
    parts = urlsplit(page.url)
    varied = [
        (name.encode("latin-1"), value[1:].encode("latin-1"))
        for name, value in zip(page.vary, page.varied, strict=True)
        if value.startswith("+") and name != "host"
    ]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": parts.scheme,
        "path": unquote(parts.path),
        "raw_path": parts.path.encode("latin-1"),
        "query_string": parts.query.encode("latin-1"),
        "root_path": "",
        "headers": [(b"host", parts.netloc.encode("latin-1")), *varied],
        "client": None,
        "server": (parts.hostname, parts.port),
        "extensions": {},
    }
