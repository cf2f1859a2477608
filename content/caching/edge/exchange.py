"""Answer one request: from the store if the rules allow it, else by calling the application."""

import asyncio
from collections.abc import Iterable
from typing import Any

from ..entry import Stamp, Verdict
from ..errors import Overloaded
from ..metrics.events import emit
from ..tracing import trace_wait
from .asgi import Client
from .fast_path import FastPath, send_hit
from .in_flight import InFlight, wait_for_outcome
from .incoming_response import Outcome, ResponseMode
from .normalization import normalize_url, port_of
from .origin import Origin
from .origin_fetch import OriginFetch
from .page import Page, url_tag
from .page_store import Lookup, StoredPage, matches
from .profile import Moved
from .representation import forbid_storing
from .request import Request
from .response import build_response, send_short
from .rules.fields import CacheStatus, Field, Fields
from .rules.freshness import UNBOUNDED, Action, decide, may_collapse, may_serve_on_error
from .rules.storing import personal_refusal, urls_invalidated_by

# Most calls of other requests that a request waits for, one after the other, before it calls the application itself.
_MOST_FETCHES_JOINED = 4


class Exchange:
    """One request and its response. Requests that may share a response share one call of the application."""

    def __init__(
        self, origin: Origin, in_flight: InFlight, fast_path: FastPath, request: Request, client: Client
    ) -> None:
        self._origin = origin
        self._in_flight = in_flight
        self._fast_path = fast_path
        self.request = request
        self._client = client

    async def run(self) -> None:
        if not self.request.is_read:
            await self._pass_write()
        elif self.request.fields.identifies_sender(self._origin.profile.personal_cookies):
            await self._serve_personal()
        else:
            await self._serve_read()

    # --- reads ------------------------------------------------------------------------------------------

    async def _serve_read(self) -> None:
        lookup = await self._origin.page_store.lookup_page(self.request)
        if await self._serve_stored(lookup) or await self._serve_stale_for_error(lookup):
            return
        if lookup.stored is None and await self._serve_instead():
            return
        if "only-if-cached" in self.request.directives and self._origin.profile.reload_after is None:
            await self.refuse(504, "nothing stored that would do")
        elif lookup.is_hit_for_miss or not self._may_share:
            await self._run_fetch(self._in_flight.new(self.request, lookup, self._client, shared=False))
        else:
            await self._join(lookup)

    async def _serve_instead(self) -> bool:
        """Send another page or a redirect, as the profile says for a URL without a page. False: it may have one."""
        stand_in, scope = self._origin.profile.stand_in, self.request.scope
        try:
            path = await stand_in(scope) if stand_in is not None else None
        except Overloaded as error:
            await self.refuse(503, "too many addresses are looked up", [(b"retry-after", b"%d" % error.retry_after)])
            return True
        if path is None or path == scope["path"]:
            return False
        if isinstance(path, Moved):
            query = scope.get("query_string", b"")
            await self.refuse(301, "moved", [(b"location", path.encode("ascii") + (b"?" + query if query else b""))])
        else:
            self.request = self.request.replace(path=path, raw_path=path.encode("ascii"), query_string=b"")
            hit = self._fast_path.lookup_scope(self.request.scope)
            await (self._serve_read() if hit is None else send_hit(hit, self.request.method, self._client.send))
        return True

    @property
    def _may_share(self) -> bool:
        """Whether other requests may get the response. A HEAD may share only if the edge fetches the whole page."""
        if "no-store" in self.request.directives:
            return False
        if self.request.has_content and self._origin.profile.visible_fields is None:
            # Other requests would wait for a body that this client may never send.
            return False
        return self.request.method == "GET" or self._origin.profile.makes_whole

    async def _serve_stored(self, lookup: Lookup) -> bool:
        """Send the stored page. False if it must be validated first."""
        stored = lookup.stored
        if stored is None or not isinstance(stored.value, Page):
            return False
        now, page_store = self._origin.clock(), self._origin.page_store
        asked, reload_after = self.request.directives, self._origin.profile.reload_after
        decision = decide(asked, stored.value, stored.verdict, now, reload_after, heard=page_store.is_heard)
        if decision.action is Action.VALIDATE:
            lookup.forwarded = decision.reason
            return False
        if decision.action is Action.SERVE_AND_REFRESH:
            self._in_flight.refresh(self.request, lookup)
        emit("stale" if decision.reason else "hit", "page", self.request.key, tier=stored.tier)
        if not decision.reason:
            self._origin.count_fresh_read(stored)
        expired = stored.verdict is Verdict.EXPIRED or not page_store.is_heard
        detail = "expired" if expired else "" if stored.tier == "memory" else stored.tier
        await self._send_page(
            stored.value, CacheStatus(hit=True, detail=detail), stored=stored, longest=-1.0 if expired else UNBOUNDED
        )
        return True

    async def _serve_stale_for_error(self, lookup: Lookup) -> bool:
        """Send the stored page while the application recovers from an error (I6; RFC 5861, section 4).

        Without this, each request would call the failing application.
        """
        stored, key, engine = lookup.stored, self.request.key, self._origin.engine
        if stored is None or not isinstance(stored.value, Page) or "no-cache" in self.request.directives:
            return False
        if not engine.backoff.has_failed(key) or not may_serve_on_error(
            stored.value, stored.verdict, self._origin.clock()
        ):
            return False
        emit("error_stale", "page", key, tier=stored.tier, reason="failed a moment ago")
        await self._send_page(
            stored.value, CacheStatus(hit=True, detail="stale for an error"), stored=stored, longest=-1.0
        )
        return True

    async def _join(self, lookup: Lookup) -> None:
        """Wait for the running fetch of this URL, if it began late enough for this request. Else start a fetch, which
        later requests share.
        """
        shared, key = True, self.request.key
        for _ in range(_MOST_FETCHES_JOINED):
            fetch = self._in_flight.get(key)
            if fetch is None:
                break
            if not self._may_join(fetch):
                shared = not self._wants_new
                break
            shared = False
            fetch.hurry()
            emit("joined", "page", key)
            outcome = await trace_wait(wait_for_outcome(fetch), fetch)
            if await self._serve_shared(outcome, lookup):
                return
            if outcome.page is None or not may_collapse(outcome.page):
                break
            # The fetch made another variant. A fetch of the wanted one may have started meanwhile.
            shared = True
        await self._run_fetch(self._in_flight.new(self.request, lookup, self._client, shared=shared))

    def _may_join(self, fetch: OriginFetch) -> bool:
        """Whether the fetch began after all invalidations that this request must see (rule 16).

        A fetch with an outcome is still storing it, or releasing its lease. Only a local copy of the log tells
        whether it was overtaken, and only if the fetch noted where it began: one that found a page did not.
        """
        if self._wants_new or not self._origin.page_store.covers(fetch.begun):
            return False
        return not fetch.outcome.done() or (self._origin.engine.ordering.is_local and fetch.begun is not None)

    @property
    def _wants_new(self) -> bool:
        """Whether the client demands a new response. If the profile bounds reloads, a running fetch will do."""
        return "no-cache" in self.request.directives and self._origin.profile.reload_after is None

    async def _serve_shared(self, outcome: Outcome, lookup: Lookup) -> bool:
        """Send the page that another request has fetched. False if this request may not get it."""
        if outcome.error is not None:
            raise outcome.error
        if outcome.page is None or not may_collapse(outcome.page) or not matches(self.request, outcome.page):
            return False
        cache_status = CacheStatus(forwarded=lookup.forwarded, collapsed=True, stored=outcome.stored)
        # While the log is silent, writes since that call began are unknown.
        is_stale = outcome.stale or not self._origin.page_store.is_heard
        await self._send_page(outcome.page, cache_status, outcome=outcome, longest=-1.0 if is_stale else UNBOUNDED)
        return True

    async def _run_fetch(self, fetch: OriginFetch) -> None:
        """Call the application for this request. The call goes on if the request is cancelled."""
        task = self._in_flight.start(fetch)
        try:
            waiting: set[asyncio.Future[Any]] = {task, fetch.outcome}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if fetch.response.mode in (ResponseMode.FORWARD, ResponseMode.TEE) or fetch.outcome.result().page is None:
                await asyncio.wait({task})
            await fetch.sender.drain()
        except asyncio.CancelledError:
            self._client.is_gone = True
            raise
        outcome = fetch.outcome.result()
        if outcome.error is not None:
            raise outcome.error
        if fetch.response.mode is ResponseMode.FORWARD:
            await fetch.apply_head()
        elif fetch.response.mode is ResponseMode.TEE and outcome.page is not None:
            self._origin.count_read(outcome.page)
        elif fetch.response.mode is not ResponseMode.TEE and outcome.page is not None:
            longest = -1.0 if outcome.stale else UNBOUNDED
            await self._send_page(outcome.page, _cache_status_of(fetch, outcome), outcome=outcome, longest=longest)

    async def _send_page(
        self,
        page: Page,
        cache_status: CacheStatus,
        *,
        stored: StoredPage | None = None,
        outcome: Outcome | None = None,
        longest: float = UNBOUNDED,
    ) -> None:
        """`longest`: most seconds of freshness that Cache-Status may state."""
        now = self._origin.clock()
        cache_status = cache_status.with_key(self.request.key, min(page.fresh_until - now, longest))
        tags, begun = _dependencies_of(stored, outcome)
        representations = self._fast_path.representations_of(page, self.request, stored, tags)
        response = build_response(self.request, page, representations, now, cache_status, self._origin.profile)
        pairs, profile = response.pairs, self._origin.profile
        if profile.cdn is not None and (
            (cache_status.ttl or 0) <= 0 or not self._origin.page_store.still_holds(begun, tags)
        ):
            # The page is stale, or older than an invalidation whose purge may already have reached the CDN.
            pairs = forbid_storing(pairs, profile)
        self._fast_path.count_served(self.request, page)
        self._origin.count_read(page)
        await self._client.send({"type": "http.response.start", "status": response.status, "headers": pairs})
        await self._client.send({"type": "http.response.body", "body": response.body, "more_body": False})

    # --- personal requests ----------------------------------------------------------------------------------

    async def _serve_personal(self) -> None:
        """Send a stored page that is declared the same for all clients. Else bypass the cache."""
        lookup = await self._origin.page_store.lookup_page(self.request)
        page = lookup.stored.value if lookup.stored is not None else None
        if isinstance(page, Page) and self._is_public(page) and await self._serve_stored(lookup):
            return
        await self._run_fetch(
            OriginFetch(
                self._origin, self.request, "bypass", old=None, client=self._client, shared=False, personal=True
            )
        )

    def _is_public(self, page: Page) -> bool:
        return personal_refusal(self.request, page.fields, page.directives, self._origin.profile) is None

    # --- writes ---------------------------------------------------------------------------------------------

    async def _pass_write(self) -> None:
        """Call the application. Invalidate the pages of changed URLs before the writer gets the response."""
        send = self._client.send

        async def send_response(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                status, fields = int(str(message["status"])), Fields(message.get("headers", ()))  # type: ignore[arg-type]
                await self._invalidate_changed(status, fields)
                cache_status = CacheStatus(forwarded="method", forwarded_status=status)
                message = {**message, "headers": self._origin.outgoing_fields(fields, cache_status)}
            await send(message)

        await self._origin.app(self.request.scope, self._client.receive_next, send_response)  # type: ignore[arg-type]

    async def _invalidate_changed(self, status: int, fields: Fields) -> None:
        urls = urls_invalidated_by(self.request, status, fields) if self._origin.profile.invalidates else []
        if urls:
            profile, port = self._origin.profile, port_of(self.request.scope)
            await self._origin.page_store.invalidate([url_tag(normalize_url(url, profile, port)) for url in urls])

    async def refuse(self, status: int, text: str, more: Iterable[Field] = ()) -> None:
        await send_short(self._client, self.request.method, self._origin.profile, status, text, more)


def _cache_status_of(fetch: OriginFetch, outcome: Outcome) -> CacheStatus:
    status = outcome.status or fetch.response.status
    if fetch.response.mode is ResponseMode.STALE_IF_ERROR:
        return CacheStatus(hit=True, forwarded=fetch.forwarded, forwarded_status=status, detail="stale for an error")
    if fetch.response.mode is ResponseMode.FRESHEN:
        return CacheStatus(hit=True, forwarded=fetch.forwarded, forwarded_status=304, stored=outcome.stored)
    return CacheStatus(
        forwarded=fetch.forwarded, forwarded_status=status, stored=outcome.stored, collapsed=not fetch.response.status
    )


def _dependencies_of(stored: StoredPage | None, outcome: Outcome | None) -> tuple[tuple[str, ...], Stamp | None]:
    """The tags of the page, and the log position at which its load began."""
    if stored is not None:
        return stored.header.tags, stored.header.stamp
    return (outcome.tags, outcome.begun) if outcome is not None else ((), None)
