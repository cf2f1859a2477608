"""One call of the application, for all requests that may share its response.

It runs in a task that belongs to no request: a client that hangs up cancels nobody else's call (I11).

1. Acquire the key's lease, unless the response is one client's alone. While another process has it, look for what
   that process stores.
2. Note the position in the invalidation log, then call the application and track its dependencies (rule 2).
3. The first message decides what becomes of the response: it is forwarded, stored, or confirms the stored page.
4. A response is sealed with the noted position, and stored only while the lease is held.
"""

import asyncio
from contextlib import nullcontext
from dataclasses import replace

from ..dependencies import Dependencies, track_dependencies
from ..entry import Stamp
from ..metrics.events import emit
from .asgi import Client, Message, PacedClient
from .origin import Origin
from .origin_request import OriginRequest
from .page import Page
from .page_builder import CompleteResponse, build_page
from .page_store import Lookup, StoredPage, tags_of_page
from .representation import forbid_storing, represent_plain
from .request import Request
from .response import build_response
from .response_mode import IncomingResponse, Outcome, ResponseMode
from .rules.answering import Action, decide
from .rules.conditions import not_modified_fields
from .rules.fields import Fields, members
from .rules.status import CacheStatus
from .rules.validation import confirms, freshen_fields

# Seconds that a call waits for another process's before it goes ahead without a lease.
_LONGEST_WAIT = 30.0


class OriginFetch:
    """`old`: the stored page, to be validated. `client`: gets the response as it comes; None for a refresh.

    `outcome` is set as soon as it is known; followers wait for it. `forwarded`: why the application is called, as a
    fwd value of Cache-Status (RFC 9211).
    """

    def __init__(
        self,
        origin: Origin,
        request: Request,
        forwarded: str,
        *,
        old: StoredPage | None,
        client: Client | None,
        shared: bool,
        personal: bool = False,
    ) -> None:
        self.origin = origin
        self.request = request
        self.forwarded = forwarded
        self.old = old if old is not None and isinstance(old.value, Page) else None
        self.client = client
        self.is_shared = shared
        self.key = request.key
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.begun: Stamp | None = None
        self.lease = origin.page_store.new_lease()
        # The lease's token, while we hold it.
        self.token: str | None = None
        self.created_at, self.requested_at = origin.clock(), 0.0
        self.origin_request = OriginRequest(
            origin.profile, request, self.old, client, shared=shared, personal=personal
        )
        self.response = IncomingResponse(request, self.origin_request, origin.profile, self.old, origin.clock)
        # Followers wait for the whole response, not for the speed of this client.
        self.paced_client = PacedClient(client, origin.start_task) if client is not None else None

    # --- the call ------------------------------------------------------------------------------------------

    async def run(self) -> None:
        try:
            if self.is_shared and not await self._acquire_lease():
                return
            await self._call_application()
        except BaseException as error:
            self._reject(error)
            if not isinstance(error, Exception):
                raise
        finally:
            self._resolve(Outcome(reason="nothing came"))
            if self.token is not None:
                await self.lease.release([self.key])

    async def _acquire_lease(self) -> bool:
        """True if the application is ours to call. Else another process has stored the page, or is about to."""
        is_ours = True

        async def settle(ours: list[str], lookup: Lookup) -> list[str]:
            nonlocal is_ours
            self.token = self.lease.token if ours else None
            if self._is_satisfied_by(lookup):
                self._resolve(_outcome_of_lookup(lookup, stale=not self.origin.page_store.is_heard))
                is_ours = False
            elif not ours and not lookup.is_hit_for_miss:
                is_ours = self.client is not None
                return [self.key] if is_ours else []
            return []

        page_store = self.origin.page_store
        await self.lease.contend(
            [self.key], lambda keys: page_store.lookup_page(self.request, again=True), settle, timeout=_LONGEST_WAIT
        )
        return is_ours

    def _is_satisfied_by(self, lookup: Lookup) -> bool:
        """By a page made since this call was created, or by a newer one that is as fresh as the request asks."""
        stored, page, now = lookup.stored, lookup.page, self.origin.clock()
        if stored is None or page is None:
            return False
        self.origin.page_store.update_verdict(stored)
        if not lookup.replaces(self.old):
            return False
        asked, heard = self.request.directives, self.origin.page_store.is_heard
        decision = decide(asked, page, stored.verdict, now, self.origin.profile.reload_after, heard=heard)
        return stored.header.made_at >= self.created_at or decision.action is Action.SERVE

    async def _call_application(self) -> None:
        self.begun = await self.origin.page_store.begin()
        self.requested_at = self.origin.clock()
        with self.lease.renewal([self.key]) if self.token is not None else nullcontext():
            try:
                with track_dependencies() as dependencies:
                    await self.origin.app(self.origin_request.scope(), self.origin_request.receive, self._receive)
            except Exception as error:
                await self._recover(error)
            else:
                await self._finish(dependencies)

    # --- the response --------------------------------------------------------------------------------------

    async def _receive(self, message: Message) -> None:
        """What the application sends."""
        kind = message["type"]
        if kind == "http.response.start":
            await self._receive_start(message)
        elif kind == "http.response.body":
            await self._receive_body(message)
        elif self.response.mode in (ResponseMode.FORWARD, ResponseMode.UNDECIDED) and self.client is not None:
            # Interim responses (RFC 9110, section 15.2) and other extensions.
            await self.client.send(message)

    async def _receive_start(self, message: Message) -> None:
        response = self.response
        reason = response.begin(message)
        if response.mode in (ResponseMode.FORWARD, ResponseMode.CONFIRM):
            self._pass_on(reason)
        if response.mode is ResponseMode.CONFIRM:
            await self._send_confirmed(reason)
        if response.mode is ResponseMode.FORWARD and response.is_known_to_client:
            await self._send_not_modified(reason)
        elif response.mode in (ResponseMode.FORWARD, ResponseMode.TEE) and self.client is not None:
            stored = response.mode is ResponseMode.TEE
            fields = response.stored_fields if stored else response.fields
            cache_status = self._cache_status(reason, stored=stored)
            await self._forward({**message, "headers": self.origin.outgoing_fields(fields, cache_status)})

    async def _receive_body(self, message: Message) -> None:
        body, more = message.get("body", b""), message.get("more_body", False)
        if not self.response.add(body, more=more):
            await self._stop_storing(body)
        elif self.response.mode in (ResponseMode.FORWARD, ResponseMode.TEE):
            await self._forward(message)

    def _pass_on(self, reason: str) -> None:
        """The response is this client's alone: followers, and later requests, do not wait for it."""
        self.origin_request.is_exclusive.set()
        emit("passed", "page", self.key, reason=reason)
        self._resolve(Outcome(reason=reason))
        has_failed = self.response.status >= 500
        if self.client is None:
            # A refresh that came to nothing is not repeated at once.
            self.origin.engine.backoff.delay(self.key, failed=has_failed)
        if self.is_shared and not has_failed:
            # After an error the next readers share one call again: it may be over.
            marking = self.origin.page_store.mark_hit_for_miss(self.request, reason, self.begun, self.token)
            self.origin.start_task(marking)
            self.token = None

    # --- to the client -------------------------------------------------------------------------------------

    async def _forward(self, message: Message) -> None:
        if self.response.mode is ResponseMode.TEE and self.paced_client is not None:
            self.paced_client.send(message)
        elif self.client is not None:
            await self.client.send(message)

    def _cache_status(self, detail: str, *, stored: bool = False) -> CacheStatus:
        status = self.response.status
        return CacheStatus(
            forwarded=self.forwarded, forwarded_status=status, stored=stored, key=self.key, detail=detail
        )

    async def _send_not_modified(self, reason: str) -> None:
        self.response.mode = ResponseMode.NOT_MODIFIED
        fields = not_modified_fields(self.response.fields)
        await self._send(304, self.origin.outgoing_fields(fields, self._cache_status(reason)), b"")

    async def _send_confirmed(self, reason: str) -> None:
        """Send the stored page with the fields of the 304, to this client alone (RFC 9111, section 4.3.4)."""
        old = self.response.old_page
        if self.client is None or old is None:
            return
        now, profile = self.origin.clock(), self.origin.profile
        page, _ = build_page(
            self._freshened(old), self.requested_at, self.response.received_at, now, Dependencies(), profile
        )
        cache_status = CacheStatus(
            hit=True, forwarded=self.forwarded, forwarded_status=304, key=self.key, detail=reason
        )
        representations = {"": represent_plain(page, profile, ())}
        sent = build_response(self.request, page, representations, now, cache_status, profile)
        await self._send(sent.status, forbid_storing(sent.pairs, profile), sent.body)

    async def _stop_storing(self, body: bytes) -> None:
        """The response is longer than it said, or than may be stored: forward it from here on."""
        was, self.response.mode = self.response.mode, ResponseMode.FORWARD
        collected = self.response.drop_body()
        self._pass_on("too large")
        if self.client is None or self.paced_client is None:
            return
        await self.paced_client.drain()
        if was is ResponseMode.STORE:
            await self._send_collected("too large", collected + body)
        else:
            more = not self.response.is_complete
            await self.client.send({"type": "http.response.body", "body": body, "more_body": more})

    async def _send_collected(self, detail: str, body: bytes) -> None:
        """Send a response that was collected to be stored, and cannot be."""
        fields = self.origin.outgoing_fields(self.response.fields, self._cache_status(detail))
        await self._send(self.response.status, fields, body, more=not self.response.is_complete)

    async def _send(
        self, status: int, headers: list[tuple[bytes, bytes]], body: bytes, *, more: bool = False
    ) -> None:
        if self.client is not None:
            await self.client.send({"type": "http.response.start", "status": status, "headers": headers})
            await self.client.send({"type": "http.response.body", "body": body, "more_body": more})

    # --- the end -------------------------------------------------------------------------------------------

    async def _finish(self, dependencies: Dependencies) -> None:
        response, old = self.response, self.response.old_page
        match response.mode:
            case ResponseMode.FRESHEN if old is not None and not confirms(old, response.fields):
                # The 304 is about another response than the stored one: it is right, and is not stored.
                self._resolve(Outcome(old, status=304))
            case ResponseMode.FRESHEN if old is not None:
                await self._store(self._freshened(old), dependencies)
            case ResponseMode.STALE_IF_ERROR:
                self._serve_stale(response.status)
            case ResponseMode.STORE | ResponseMode.TEE if dependencies.private:
                await self._finish_collected("private")
            case ResponseMode.STORE | ResponseMode.TEE if response.is_whole:
                complete = CompleteResponse(self.request, response.status, response.fields, response.body)
                await self._store(complete, dependencies)
            case ResponseMode.STORE if self.client is not None:
                # The server sees by the length that the response is cut short, and closes the connection.
                response.mode = ResponseMode.FORWARD
                await self._send_collected("incomplete", response.body)

    async def _finish_collected(self, reason: str) -> None:
        """The response may not be stored after all: it is this client's alone."""
        was, self.response.mode = self.response.mode, ResponseMode.FORWARD
        self._pass_on(reason)
        if was is ResponseMode.STORE:
            await self._send_collected(reason, self.response.body)

    def _freshened(self, old: Page) -> CompleteResponse:
        return CompleteResponse(self.request, old.status, freshen_fields(old, self.response.fields), old.body)

    async def _store(self, complete: CompleteResponse, dependencies: Dependencies) -> None:
        """Followers get the page in any case. It is stored unless it was overtaken, or a part of it was stale."""
        page, times = build_page(
            complete,
            self.requested_at,
            self.response.received_at,
            self.origin.clock(),
            dependencies,
            self.origin.profile,
        )
        tags = self._tags(self.response.fields, dependencies)
        outcome = Outcome(page, stored=not dependencies.stale, stale=dependencies.stale, status=self.response.status)
        self._resolve(replace(outcome, tags=tuple(tags), begun=self.begun))
        tiers = self.origin.engine.tiers
        if dependencies.stale:
            emit("refused", "page", self.key, reason="made of a stale part")
            # While the log is silent all parts are stale; else the stale part is being loaded again.
            tiers.backoff.delay(self.key, failed=False, brief=tiers.ordering.is_heard)
            return
        page_store = self.origin.page_store
        is_stored = await page_store.store_page(self.request, page, tags, self.begun, times, self.token)
        self.token = None if not page.vary else self.token
        tiers.update_backoff(self.key, is_stored=is_stored)

    def _tags(self, fields: Fields, dependencies: Dependencies) -> set[str]:
        tags = {*tags_of_page(self.request), *dependencies.tags, *members(fields.combine(b"cache-tag"))}
        return tags | set((fields.combine(b"surrogate-key") or "").split())

    async def _recover(self, error: Exception) -> None:
        """The application has raised: serve the stored page, if it may replace an error."""
        if self.response.mode is not ResponseMode.UNDECIDED or not self.response.may_serve_stale:
            raise error
        self.response.mode = ResponseMode.STALE_IF_ERROR
        self._serve_stale(500)

    def _serve_stale(self, status: int) -> None:
        self.origin.engine.backoff.delay(self.key, failed=True)
        self._resolve(Outcome(self.response.old_page, stale=True, status=status))

    def _resolve(self, outcome: Outcome) -> None:
        if not self.outcome.done():
            self.outcome.set_result(outcome)

    def _reject(self, error: BaseException) -> None:
        self.origin.engine.backoff.delay(self.key, failed=True)
        self._resolve(Outcome(error=error))


def _outcome_of_lookup(lookup: Lookup, *, stale: bool) -> Outcome:
    assert lookup.stored is not None  # noqa: S101 - see Lookup.replaces
    header = lookup.stored.header
    return Outcome(lookup.page, stored=True, stale=stale, tags=header.tags, begun=header.stamp)
