"""One call of the application, for all requests that may share its response.

It runs in a task that belongs to no request: a client that hangs up cancels no other request's call (I11).

1. Acquire the key's lease, unless the response is for one client only. While another process has it, look for the
   page that it stores.
2. Note the position in the invalidation log, then call the application and track its dependencies (rule 2).
3. The first message decides whether the response is forwarded, stored, or confirms the stored page.
4. Store the response with the noted position, if the lease is still ours.
"""

import asyncio

import msgspec

from ..dependencies import Dependencies, track_dependencies
from ..entry import Stamp
from ..metrics.events import emit
from ..metrics.waits import reader_waits
from ..tracing import Span, current_span, note, span, with_span
from ..warm_costs import charge_load
from ..warm_plan import current_plan, mark_of
from .asgi import Client, Message
from .handover import Handover
from .incoming_response import CompleteResponse, IncomingResponse, Outcome, ResponseMode, build_page
from .origin import Origin, OriginRequest
from .page import Page, Times, keep_codings
from .page_lease import PageLease
from .page_store import StoredPage, store_key, tags_of_page
from .request import Request
from .response import ResponseSender
from .rules.conditions import confirms, freshen_fields, head_matches
from .rules.fields import Fields, members


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
        handover: Handover | None = None,
    ) -> None:
        self._handover = handover
        self._origin = origin
        self._request = request
        self.forwarded = forwarded
        self._old = old if old is not None and isinstance(old.value, Page) else None
        self._client = client
        self.is_shared = shared
        self.key = request.key
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.begun: Stamp | None = None
        # The span of this fetch, if its trace is recorded. Spans of requests that joined refer to it.
        self.span: Span | None = None
        self._created_at, self._requested_at = origin.clock(), 0.0
        self._lease = PageLease(origin, request, self._old, self._created_at, has_reader=client is not None)
        self._plan = current_plan()
        self._origin_request = OriginRequest(
            origin.profile, request, self._old, client, shared=shared, personal=personal
        )
        self.response = IncomingResponse(request, self._origin_request, origin.profile, self._old, origin.clock)
        self.sender = ResponseSender(origin, self._origin_request, self.response, forwarded)

    # --- the call ------------------------------------------------------------------------------------------

    @with_span("page")
    async def run(self) -> None:
        self.span = current_span.get()
        note("url.path", self._request.scope["path"])
        try:
            if await self._is_made_by_worker() or (self.is_shared and await self._is_made_elsewhere()):
                return
            await self._call_application()
        except BaseException as error:
            self._reject(error)
            if not isinstance(error, Exception):
                raise
        finally:
            self._resolve(Outcome(reason="no response"))
            if self._client is not None:
                reader_waits.add(self._origin.clock() - self._created_at)
            await self._lease.release()

    def hurry(self) -> None:
        """A reader waits for the response: leave it to no worker."""
        if self._handover is not None:
            self._handover.hurry()

    async def _is_made_by_worker(self) -> bool:
        outcome = await self._handover.wait(self._lease.is_satisfied_by) if self._handover is not None else None
        if outcome is not None:
            self._resolve(outcome)
        return outcome is not None

    async def _is_made_elsewhere(self) -> bool:
        """Acquire the lease. True if another process has stored the page, or is about to."""
        is_ours, outcome = await self._lease.acquire(waits=self._client is not None)
        if outcome is not None:
            self._resolve(outcome)
        return not is_ours

    async def _call_application(self) -> None:
        self.begun = await self._origin.page_store.begin()
        self._requested_at = self._origin.clock()
        with self._lease.renewal():
            try:
                with track_dependencies() as dependencies, charge_load("page"), span("render"):
                    await self._origin.app(self._origin_request.scope(), self._origin_request.receive, self._receive)
            except Exception as error:
                await self._recover(error)
            else:
                await self._finish(dependencies)

    # --- the response --------------------------------------------------------------------------------------

    async def _receive(self, message: Message) -> None:
        """Take a message from the application."""
        kind = message["type"]
        if kind == "http.response.start":
            await self._receive_start(message)
        elif kind == "http.response.body":
            await self._receive_body(message)
        elif self.response.mode in (ResponseMode.FORWARD, ResponseMode.UNDECIDED):
            # Interim responses (RFC 9110, section 15.2) and other extensions.
            await self.sender.send(message)

    async def _receive_start(self, message: Message) -> None:
        reason, mode, old = self.response.begin(message), self.response.mode, self.response.old_page
        if mode in (ResponseMode.FORWARD, ResponseMode.NOT_MODIFIED, ResponseMode.CONFIRM):
            self._pass_on(reason)
        if mode is ResponseMode.NOT_MODIFIED:
            await self.sender.send_not_modified(reason)
        elif mode is ResponseMode.CONFIRM and old is not None and self._client is not None:
            page, _ = self._build_page(self._freshened(old), Dependencies())
            await self.sender.send_confirmed(page, reason)
        elif mode in (ResponseMode.FORWARD, ResponseMode.TEE):
            await self.sender.forward_start(message, reason)

    async def _receive_body(self, message: Message) -> None:
        body, more = message.get("body", b""), message.get("more_body", False)
        if not self.response.add(body, more=more):
            await self._stop_storing(body)
        elif self.response.mode in (ResponseMode.FORWARD, ResponseMode.TEE):
            await self.sender.forward(message)

    def _pass_on(self, reason: str) -> None:
        """The response is for this client only. Followers and later requests do not wait for it."""
        self._origin_request.is_exclusive.set()
        emit("passed", "page", self.key, reason=reason)
        self._resolve(Outcome(reason=reason))
        has_failed = self.response.status >= 500
        if self._client is None:
            # Delay the next refresh: this one stored nothing.
            self._origin.engine.backoff.delay(self.key, failed=has_failed)
        if self.is_shared and not has_failed:
            # After an error the next requests share one call again, which may succeed.
            marking = self._origin.page_store.mark_hit_for_miss(self._request, reason, self.begun, self._lease.token)
            self._origin.start_task(marking)
            self._lease.token = None

    async def _stop_storing(self, body: bytes) -> None:
        """The response is longer than it said, or than may be stored: forward it from here on."""
        is_unsent, collected = self.response.stop_storing(), self.response.drop_body()
        self._pass_on("too large")
        await self.sender.drain()
        if is_unsent:
            await self.sender.send_collected("too large", collected + body)
        else:
            more = not self.response.is_complete
            await self.sender.send({"type": "http.response.body", "body": body, "more_body": more})

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
                complete = CompleteResponse(self._request, response.status, response.fields, response.body)
                await self._store(complete, dependencies)
            case ResponseMode.STORE if self._client is not None:
                # The server sees by the length that the response is cut short, and closes the connection.
                response.stop_storing()
                await self.sender.send_collected("incomplete", response.body)

    async def _finish_collected(self, reason: str) -> None:
        """The response may not be stored after all: it is for this client only."""
        is_unsent = self.response.stop_storing()
        self._pass_on(reason)
        if is_unsent:
            await self.sender.send_collected(reason, self.response.body)

    def _freshened(self, old: Page) -> CompleteResponse:
        return CompleteResponse(self._request, old.status, freshen_fields(old, self.response.fields), old.body)

    def _build_page(self, complete: CompleteResponse, dependencies: Dependencies) -> tuple[Page, Times]:
        received_at, now, profile = self.response.received_at, self._origin.clock(), self._origin.profile
        return build_page(complete, self._requested_at, received_at, now, dependencies, profile)

    async def _store(self, complete: CompleteResponse, dependencies: Dependencies) -> None:
        """Followers get the page in any case. It is stored unless it was overtaken, or a part of it was stale."""
        page, times = self._build_page(complete, dependencies)
        page = keep_codings(page, self._old.value if self._old is not None else None)
        tags = self._tags(self.response.fields, dependencies)
        self._resolve(
            Outcome(
                page,
                stored=not dependencies.stale,
                stale=dependencies.stale or dependencies.weakly_stale,
                status=self.response.status,
                tags=tuple(tags),
                begun=self.begun,
            )
        )
        tiers = self._origin.engine.tiers
        if dependencies.stale:
            emit("refused", "page", self.key, reason="made of a stale part")
            # While the log is silent all parts are stale; else the stale part is being loaded again.
            tiers.backoff.delay(self.key, failed=False, brief=tiers.ordering.is_heard)
            return
        page_store = self._origin.page_store
        if page.status < 400:
            spares = self._old is None or not self._old.cached.is_servable(self._created_at)
            times = msgspec.structs.replace(times, warmed=mark_of(self._plan, spares=spares))
        is_stored = await page_store.store_page(self._request, page, tags, self.begun, times, self._lease.token)
        if not page.vary:
            self._lease.token = None
        if is_stored and not dependencies.weakly_stale:
            self._origin.codings.add_soon(store_key(self._request, page), page)
        tiers.update_backoff(self.key, is_stored=is_stored, weakly_stale=dependencies.weakly_stale)

    def _tags(self, fields: Fields, dependencies: Dependencies) -> set[str]:
        tags = {*tags_of_page(self._request), *dependencies.tags, *members(fields.combine(b"cache-tag"))}
        return tags | set((fields.combine(b"surrogate-key") or "").split())

    async def _recover(self, error: Exception) -> None:
        """The application has raised: serve the stored page, if it may replace an error."""
        if not self.response.fail():
            raise error
        self._serve_stale(500)

    def _serve_stale(self, status: int) -> None:
        self._origin.engine.backoff.delay(self.key, failed=True)
        self._resolve(Outcome(self.response.old_page, stale=True, status=status))

    async def apply_head(self) -> None:
        """Compare the response to HEAD with the stored page: freshen or invalidate that (RFC 9111, section 4.3.5)."""
        response, old = self.response, self.response.old_page
        if self._request.method != "HEAD" or self._old is None or old is None or not 200 <= response.status < 300:
            return
        if not head_matches(old, response.status, response.fields):
            await self._origin.page_store.invalidate([self._request.tag])
        elif response.refusal_reason(old.status, freshen_fields(old, response.fields)) is None:
            page, times = self._build_page(self._freshened(old), Dependencies())
            await self._origin.page_store.freshen(self._request, self._old, page, times, self.begun)

    def _resolve(self, outcome: Outcome) -> None:
        if not self.outcome.done():
            self.outcome.set_result(outcome)

    def _reject(self, error: BaseException) -> None:
        self._origin.engine.backoff.delay(self.key, failed=True)
        self._resolve(Outcome(error=error))
