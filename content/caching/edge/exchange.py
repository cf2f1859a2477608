"""One request's way: what is stored, whether it will do, and whom to ask otherwise."""

import asyncio
from typing import Any

from ..dependencies import Dependencies
from ..entry import Stamp, Verdict
from ..metrics.events import emit
from .asgi import Client
from .fast_path import FastPath
from .in_flight import InFlight
from .origin import Origin
from .origin_fetch import OriginFetch
from .page import Page
from .page_builder import CompleteResponse, build_page
from .page_store import Lookup, StoredPage, matches
from .representation import forbid_storing
from .request import Request, normalize_query
from .response import build_response
from .response_mode import Outcome, ResponseMode
from .rules.answering import UNBOUNDED, Action, decide, may_collapse, may_serve_on_error
from .rules.fields import Fields
from .rules.keys import url_key
from .rules.status import CacheStatus
from .rules.storing import personal_refusal
from .rules.validation import freshen_fields, head_matches, urls_invalidated_by

# Others' calls that a request waits for, one after the other, before it makes its own.
_MOST_FETCHES_JOINED = 4


class Exchange:
    """What is stored is served, if the rules allow it. Else the application is called, once for all who may share."""

    def __init__(
        self, origin: Origin, in_flight: InFlight, fast_path: FastPath, request: Request, client: Client
    ) -> None:
        self.origin = origin
        self.in_flight = in_flight
        self.fast_path = fast_path
        self.request = request
        self.client = client

    async def run(self) -> None:
        if not self.request.is_read:
            await self._pass_write()
        elif self.origin.profile.is_personal(self.request.fields):
            await self._serve_personal()
        else:
            await self._serve_read()

    # --- reads ------------------------------------------------------------------------------------------

    async def _serve_read(self) -> None:
        lookup = await self.origin.page_store.lookup_page(self.request)
        if await self._serve_stored(lookup) or await self._serve_stale_for_error(lookup):
            return
        if "only-if-cached" in self.request.directives and self.origin.profile.reload_after is None:
            await self.refuse(504, "nothing stored that would do")
        elif lookup.is_hit_for_miss or not self._may_share:
            await self._run_fetch(self.in_flight.new(self.request, lookup, self.client, shared=False))
        else:
            await self._join(lookup)

    @property
    def _may_share(self) -> bool:
        """HEAD is answered by what is stored, but nothing is stored for it, unless it is asked for as a whole."""
        if "no-store" in self.request.directives:
            return False
        if self.request.has_content and self.origin.profile.visible_fields is None:
            # Others would wait for what this one may never send.
            return False
        return self.request.method == "GET" or self.origin.profile.makes_whole

    async def _serve_stored(self, lookup: Lookup) -> bool:
        """Whether what is stored will do, as it is."""
        stored = lookup.stored
        if stored is None or not isinstance(stored.value, Page):
            return False
        now, page_store = self.origin.clock(), self.origin.page_store
        asked, reload_after = self.request.directives, self.origin.profile.reload_after
        decision = decide(asked, stored.value, stored.verdict, now, reload_after, heard=page_store.is_heard)
        if decision.action is Action.VALIDATE:
            lookup.forwarded = decision.reason
            return False
        if decision.action is Action.SERVE_AND_REFRESH:
            self.in_flight.refresh(self.request, lookup)
        emit("stale" if decision.reason else "hit", "page", self.request.key, tier=stored.tier)
        expired = stored.verdict is Verdict.EXPIRED or not page_store.is_heard
        detail = "expired" if expired else "" if stored.tier == "memory" else stored.tier
        await self._send_page(
            stored.value, CacheStatus(hit=True, detail=detail), stored=stored, longest=-1.0 if expired else UNBOUNDED
        )
        return True

    async def _serve_stale_for_error(self, lookup: Lookup) -> bool:
        """The application has failed a moment ago: it is not asked again by each reader (I6; RFC 5861, section 4)."""
        stored, key, engine = lookup.stored, self.request.key, self.origin.engine
        if stored is None or not isinstance(stored.value, Page) or "no-cache" in self.request.directives:
            return False
        if not engine.backoff.has_failed(key) or not may_serve_on_error(
            stored.value, stored.verdict, self.origin.clock()
        ):
            return False
        emit("error_stale", "page", key, tier=stored.tier, reason="failed a moment ago")
        await self._send_page(
            stored.value, CacheStatus(hit=True, detail="stale for an error"), stored=stored, longest=-1.0
        )
        return True

    async def _join(self, lookup: Lookup) -> None:
        """With whoever asks for the same already, if that began late enough for us; else we go behind them, for all
        who come after us."""
        shared, key = True, self.request.key
        for _ in range(_MOST_FETCHES_JOINED):
            fetch = self.in_flight.get(key)
            if fetch is None:
                break
            if not self._may_join(fetch):
                shared = not self._wants_new
                break
            shared = False
            emit("joined", "page", key)
            outcome = await _wait_for(fetch.outcome)
            if await self._serve_shared(outcome, lookup):
                return
            if outcome.page is None or not may_collapse(outcome.page):
                break
            # Another variant than ours: whoever wants ours may be on the way by now.
            shared = True
        await self._run_fetch(self.in_flight.new(self.request, lookup, self.client, shared=shared))

    def _may_join(self, fetch: OriginFetch) -> bool:
        """One that has its answer is still storing it, or letting go of its lease. Whether that answer has been
        overtaken is known by a log alone, and only if it came from a call that noted where it began."""
        if self._wants_new or not self.origin.page_store.covers(fetch.begun):
            return False
        return not fetch.outcome.done() or (self.origin.engine.ordering.is_local and fetch.begun is not None)

    @property
    def _wants_new(self) -> bool:
        """And gets it, but where reloads are bounded: what is being made is as new as what they may ask for."""
        return "no-cache" in self.request.directives and self.origin.profile.reload_after is None

    async def _serve_shared(self, outcome: Outcome, lookup: Lookup) -> bool:
        """Whether the outcome of another's call is an answer for us as well."""
        if outcome.error is not None:
            raise outcome.error
        if outcome.page is None or not may_collapse(outcome.page) or not matches(self.request, outcome.page):
            return False
        cache_status = CacheStatus(forwarded=lookup.forwarded, collapsed=True, stored=outcome.stored)
        # While the log is silent, what was written since that call began is not known.
        is_stale = outcome.stale or not self.origin.page_store.is_heard
        await self._send_page(outcome.page, cache_status, outcome=outcome, longest=-1.0 if is_stale else UNBOUNDED)
        return True

    async def _run_fetch(self, fetch: OriginFetch) -> None:
        """Our own call. It goes on if we are cancelled."""
        task = self.in_flight.start(fetch)
        try:
            waiting: set[asyncio.Future[Any]] = {task, fetch.outcome}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if fetch.response.mode in (ResponseMode.FORWARD, ResponseMode.TEE) or fetch.outcome.result().page is None:
                await asyncio.wait({task})
            if fetch.paced_client is not None:
                await fetch.paced_client.drain()
        except asyncio.CancelledError:
            self.client.is_gone = True
            raise
        outcome = fetch.outcome.result()
        if outcome.error is not None:
            raise outcome.error
        if fetch.response.mode is ResponseMode.FORWARD:
            await self._apply_head(fetch)
        elif fetch.response.mode is not ResponseMode.TEE and outcome.page is not None:
            longest = -1.0 if outcome.stale else UNBOUNDED
            await self._send_page(outcome.page, _cache_status_of(fetch, outcome), outcome=outcome, longest=longest)

    async def _apply_head(self, fetch: OriginFetch) -> None:
        """A HEAD that speaks of something else than we have ends that (RFC 9111, section 4.3.5)."""
        old = fetch.old.value if fetch.old is not None else None
        if self.request.method != "HEAD" or not isinstance(old, Page) or not 200 <= fetch.response.status < 300:
            return
        if head_matches(old, fetch.response.status, fetch.response.fields):
            fields = freshen_fields(old, fetch.response.fields)
            if fetch.response.refusal_reason(old.status, fields) is None:
                await self._freshen(old, fields, fetch)
        else:
            await self.origin.page_store.invalidate([self.request.key])

    async def _freshen(self, old: Page, fields: Fields, fetch: OriginFetch) -> None:
        """Store the page with the fields of the response to HEAD."""
        complete = CompleteResponse(self.request, old.status, fields, old.body)
        received_at, now = fetch.response.received_at, self.origin.clock()
        page, times = build_page(complete, fetch.requested_at, received_at, now, Dependencies(), self.origin.profile)
        tags = fetch.old.header.tags if fetch.old is not None else ()
        await self.origin.page_store.store_page(self.request, page, tags, fetch.begun, times, None)

    async def _send_page(
        self,
        page: Page,
        cache_status: CacheStatus,
        *,
        stored: StoredPage | None = None,
        outcome: Outcome | None = None,
        longest: float = UNBOUNDED,
    ) -> None:
        """`longest`: for how long it may call itself fresh."""
        now = self.origin.clock()
        cache_status = cache_status.with_key(self.request.key, min(page.fresh_until - now, longest))
        tags, begun = _dependencies_of(stored, outcome)
        representations = self.fast_path.representations_of(page, self.request, stored, tags)
        response = build_response(self.request, page, representations, now, cache_status, self.origin.profile)
        pairs, profile = response.pairs, self.origin.profile
        if profile.cdn is not None and (
            (cache_status.ttl or 0) <= 0 or not self.origin.page_store.still_holds(begun, tags)
        ):
            # It is old, or was asked for before an invalidation: the purge may have been, and would not end it.
            pairs = forbid_storing(pairs, profile)
        if self.fast_path.served is not None and self.request.method == "GET" and not self.request.fields.is_prefetch:
            self.fast_path.served(page)
        await self.client.send({"type": "http.response.start", "status": response.status, "headers": pairs})
        await self.client.send({"type": "http.response.body", "body": response.body, "more_body": False})

    # --- what is somebody's own -----------------------------------------------------------------------------

    async def _serve_personal(self) -> None:
        """Answered by what is said to be the same for all, else past the cache."""
        lookup = await self.origin.page_store.lookup_page(self.request)
        page = lookup.stored.value if lookup.stored is not None else None
        if isinstance(page, Page) and self._is_public(page) and await self._serve_stored(lookup):
            return
        await self._run_fetch(
            OriginFetch(
                self.origin, self.request, "bypass", old=None, client=self.client, shared=False, personal=True
            )
        )

    def _is_public(self, page: Page) -> bool:
        return personal_refusal(self.request, page.fields, page.directives, self.origin.profile) is None

    # --- writes ---------------------------------------------------------------------------------------------

    async def _pass_write(self) -> None:
        """Passed on; and whatever is stored for the URLs that it has changed ends before its writer hears of it."""
        send = self.client.send

        async def send_response(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                status, fields = int(str(message["status"])), Fields(message.get("headers", ()))  # type: ignore[arg-type]
                await self._invalidate_changed(status, fields)
                cache_status = CacheStatus(forwarded="method", forwarded_status=status)
                message = {**message, "headers": self.origin.outgoing_fields(fields, cache_status)}
            await send(message)

        await self.origin.app(self.request.scope, self.client.receive_next, send_response)  # type: ignore[arg-type]

    async def _invalidate_changed(self, status: int, fields: Fields) -> None:
        urls = urls_invalidated_by(self.request, status, fields) if self.origin.profile.invalidates else []
        if urls:
            await self.origin.page_store.invalidate([url_key(self._normalize_url(url)) for url in urls])

    def _normalize_url(self, url: str) -> str:
        """As those who read it have it in their key."""
        path, mark, query = url.partition("?")
        normalized = normalize_query(query.encode("latin-1", "replace"), self.origin.profile).decode("latin-1")
        return path + mark + normalized if normalized else path

    async def refuse(self, status: int, text: str) -> None:
        cache_status = CacheStatus(forwarded="bypass", detail=text).encode(self.origin.profile.name)
        content_type, body = self.origin.profile.refusal(status, text)
        headers = [
            (b"content-type", content_type),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"cache-status", cache_status),
        ]
        await self.client.send({"type": "http.response.start", "status": status, "headers": headers})
        body = b"" if self.request.method == "HEAD" else body
        await self.client.send({"type": "http.response.body", "body": body, "more_body": False})


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
    """On what, and since when."""
    if stored is not None:
        return stored.header.tags, stored.header.stamp
    return (outcome.tags, outcome.begun) if outcome is not None else ((), None)


async def _wait_for(future: "asyncio.Future[Outcome]") -> Outcome:
    """Who stops waiting stops nobody else."""
    await asyncio.wait({future})
    return future.result()
