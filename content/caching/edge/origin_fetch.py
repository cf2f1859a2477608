"""One call of the application, for as many readers as may share its answer.

It runs in a task that belongs to no request: a reader who hangs up takes nothing along (I11).

1. Take the lease of the key, unless this call is one reader's alone; who waits for another's lease looks for what
   that one has stored meanwhile.
2. Note the position in the order of invalidations, then call the application, and collect what it reads (rule 2).
3. With the first message it is clear what becomes of it: passed on as it comes, kept, or taken for what we have.
4. What is kept is sealed with the noted position, and stored only while the lease is held.
"""

import asyncio
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from content.caching.dependencies import Dependencies, track_dependencies
from content.caching.edge.asgi import Client, Message, PacedClient
from content.caching.edge.origin_request import OriginRequest
from content.caching.edge.page import Page
from content.caching.edge.page_builder import CompleteResponse, build_page
from content.caching.edge.page_store import Lookup, StoredPage, tags_of_page
from content.caching.edge.representation import forbid_storing, plain_representation
from content.caching.edge.request import Request
from content.caching.edge.response import build_response
from content.caching.edge.response_mode import Outcome, ResponseMode
from content.caching.edge.rules.answering import Action, decide, may_serve_on_error
from content.caching.edge.rules.coding import SMALLEST_CODED, is_compressible, with_vary
from content.caching.edge.rules.conditions import is_not_modified, not_modified_fields
from content.caching.edge.rules.directives import response_directives
from content.caching.edge.rules.fields import Fields, members
from content.caching.edge.rules.status import CacheStatus
from content.caching.edge.rules.storing import refusal_reason
from content.caching.edge.rules.validation import confirms, freshen_fields
from content.caching.entry import Stamp
from content.caching.metrics.events import emit

if TYPE_CHECKING:
    from content.caching.edge.cache import EdgeCache


# Seconds that a call waits for another process's before it goes ahead without a lease.
_LONGEST_WAIT = 30.0


class OriginFetch:
    """`old` is what may be validated; `client` is who gets it as it comes, None for a refresh behind the reader.

    `outcome` is there for followers as soon as it is known; `forwarded`: in the words of RFC 9211.
    """

    def __init__(
        self,
        edge: "EdgeCache",
        request: Request,
        forwarded: str,
        *,
        old: StoredPage | None,
        client: Client | None,
        shared: bool,
        personal: bool = False,
    ) -> None:
        self.edge = edge
        self.request = request
        self.forwarded = forwarded
        self.old = old if old is not None and isinstance(old.value, Page) else None
        self.client = client
        self.is_shared = shared
        self.is_personal = personal
        self.key = request.key
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.begun: Stamp | None = None
        self.lease = edge.page_store.new_lease()
        # That of the lease, while it is ours.
        self.token: str | None = None
        self.mode = ResponseMode.UNDECIDED
        self.status, self.fields = 0, Fields()
        self._chunks: list[bytes] = []
        self._length = 0
        self._is_complete = False
        self.created_at, self.requested_at, self.received_at = edge.clock(), 0.0, 0.0
        self.origin_request = OriginRequest(edge.profile, request, self.old, client, shared=shared, personal=personal)
        # Of what is collected as well: others wait for all of it, and not for how fast this client reads.
        self.paced_client = PacedClient(client, edge.start_task) if client is not None else None

    # --- the way ---------------------------------------------------------------------------------------

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
            self.edge.end_fetch(self)

    async def _acquire_lease(self) -> bool:
        """Whether it is ours to call; else somebody has stored it meanwhile, which is the outcome."""
        is_ours = True

        async def settle(ours: list[str], lookup: Lookup) -> list[str]:
            nonlocal is_ours
            self.token = self.lease.token if ours else None
            if self._is_satisfied_by(lookup):
                self._resolve(_outcome_of_lookup(lookup, stale=not self.edge.page_store.is_heard))
                is_ours = False
            elif not ours and not lookup.is_hit_for_miss:
                is_ours = self.client is not None
                return [self.key] if is_ours else []
            return []

        await self.lease.contend(
            [self.key], lambda keys: self.edge.lookup(self.request, again=True), settle, timeout=_LONGEST_WAIT
        )
        return is_ours

    def _is_satisfied_by(self, lookup: Lookup) -> bool:
        """By what was made since we began, or by a newer one than memory had, if it is as fresh as is asked for."""
        stored, page, now = lookup.stored, lookup.page, self.edge.clock()
        if stored is None or page is None or not lookup.replaces(self.old):
            return False
        asked, heard = self.request.directives, self.edge.page_store.is_heard
        decision = decide(asked, page, stored.verdict, now, self.edge.profile, heard=heard)
        return stored.header.made_at >= self.created_at or decision.action is Action.SERVE

    async def _call_application(self) -> None:
        self.begun = await self.edge.page_store.begin()
        self.requested_at = self.edge.clock()
        with self.lease.renewal([self.key]) if self.token is not None else nullcontext():
            try:
                with track_dependencies() as collected:
                    await self.edge.app(self.origin_request.scope(), self.origin_request.receive, self.send)
            except Exception as error:
                await self._recover(error)
            else:
                await self._finish(collected)

    # --- what comes from it ------------------------------------------------------------------------------

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            await self._receive_start(message)
        elif kind == "http.response.body":
            await self._receive_body(message)
        elif self.mode in (ResponseMode.FORWARD, ResponseMode.UNDECIDED) and self.client is not None:
            # Interim answers (RFC 9110, section 15.2), early hints, whatever else there may be.
            await self.client.send(message)

    async def _receive_start(self, message: Message) -> None:
        self.status, self.fields = message["status"], Fields(message.get("headers", ()))
        self.received_at = self.edge.clock()
        reason = self._choose_mode()
        if self.mode in (ResponseMode.FORWARD, ResponseMode.CONFIRM):
            self._pass_on(reason)
        if self.mode is ResponseMode.CONFIRM:
            await self._send_confirmed(reason)
        if self.mode is ResponseMode.FORWARD and self._client_has_it():
            await self._send_not_modified(reason)
        elif self.mode in (ResponseMode.FORWARD, ResponseMode.TEE) and self.client is not None:
            stored = self.mode is ResponseMode.TEE
            cache_status = CacheStatus(
                forwarded=self.forwarded, forwarded_status=self.status, stored=stored, key=self.key, detail=reason
            )
            fields = self._stored_fields() if stored else self.fields
            await self._forward({**message, "headers": self.edge.outgoing_fields(fields, cache_status)})

    async def _forward(self, message: Message) -> None:
        """To the client, if there is one."""
        if self.mode is ResponseMode.TEE and self.paced_client is not None:
            self.paced_client.send(message)
        elif self.client is not None:
            await self.client.send(message)

    def _stored_fields(self) -> Fields:
        """Who gets it as it comes is told what those are told who get it from the store."""
        may_vary = self.edge.profile.codings and is_compressible(self.status, self.fields, SMALLEST_CODED)
        return with_vary(self.fields) if may_vary else self.fields

    def _client_has_it(self) -> bool:
        """Whoever takes a client's condition away from the application answers it."""
        takes = (
            self.edge.profile.makes_whole
            and self.origin_request.may_ask_whole
            and self.request.is_read
            and self.status == 200
        )
        return takes and self.client is not None and is_not_modified(self.request.fields, self.fields)

    async def _send_not_modified(self, reason: str) -> None:
        self.mode = ResponseMode.NOT_MODIFIED
        cache_status = CacheStatus(
            forwarded=self.forwarded, forwarded_status=self.status, key=self.key, detail=reason
        )
        headers = self.edge.outgoing_fields(not_modified_fields(self.fields), cache_status)
        assert self.client is not None  # noqa: S101 - see _client_has_it
        await self.client.send({"type": "http.response.start", "status": 304, "headers": headers})
        await self.client.send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_confirmed(self, reason: str) -> None:
        """With what the 304 says to this reader, and to no other (RFC 9111, section 4.3.4)."""
        old = self.old.value if self.old is not None else None
        if self.client is None or not isinstance(old, Page):
            return
        now, profile = self.edge.clock(), self.edge.profile
        complete = CompleteResponse(self.request, old.status, freshen_fields(old, self.fields), old.body)
        page, _ = build_page(complete, self.requested_at, self.received_at, now, Dependencies(), profile)
        cache_status = CacheStatus(
            hit=True, forwarded=self.forwarded, forwarded_status=304, key=self.key, detail=reason
        )
        response = build_response(
            self.request, page, {"": plain_representation(page, profile, ())}, now, cache_status, profile
        )
        headers = forbid_storing(response.pairs, profile)
        await self.client.send({"type": "http.response.start", "status": response.status, "headers": headers})
        await self.client.send({"type": "http.response.body", "body": response.body, "more_body": False})

    def _choose_mode(self) -> str:
        """The mode, and why if it is not kept."""
        old = self.old.value if self.old is not None else None
        if self.status == 304 and self.origin_request.validates and isinstance(old, Page):
            reason = (
                self.refusal_reason(old.status, freshen_fields(old, self.fields))
                if confirms(old, self.fields)
                else None
            )
            self.mode = ResponseMode.FRESHEN if reason is None else ResponseMode.CONFIRM
            return reason or ""
        if self.status >= 500 and isinstance(old, Page) and self._may_serve_stale(old):
            self.mode = ResponseMode.STALE_IF_ERROR
            return ""
        is_for_get = self.request.method == "GET" or self.edge.profile.makes_whole
        reason = (self.refusal_reason(self.status, self.fields) or self._size_reason()) if is_for_get else "method"
        if reason is not None:
            self.mode = ResponseMode.FORWARD
            return reason
        directives, _ = response_directives(self.fields, self.edge.profile.targeted)
        # Of unknown length, or with something for this reader alone: it goes to the reader as it comes.
        as_it_comes = b"content-length" not in self.fields or directives.names("private")
        self.mode = ResponseMode.TEE if as_it_comes and self.client is not None else ResponseMode.STORE
        return ""

    def refusal_reason(self, status: int, fields: Fields) -> str | None:
        """Why what this call has come to may not be kept, as the answer to GET."""
        directives, _ = response_directives(fields, self.edge.profile.targeted)
        reason = self._personal_reason() or self._content_reason()
        return reason or refusal_reason(self.request.as_get(), status, fields, directives, self.edge.profile)

    def _personal_reason(self) -> str | None:
        """Whoever says who they are may say more: what the application made of it is not for others."""
        return "personal" if self.is_personal and self.edge.profile.visible_fields is not None else None

    def _content_reason(self) -> str | None:
        """What came with the request may be in the answer, and is not in the key."""
        has_sent = self.client is not None and (self.request.has_content or self.client.has_sent)
        return "content of the request" if has_sent and self.origin_request.passes_body else None

    def _size_reason(self) -> str | None:
        said = self.fields.first(b"content-length") or ""
        is_length = said.isascii() and said.isdigit()
        # Of that many digits no number is asked for.
        return "too large" if is_length and (len(said) > 18 or int(said) > self.edge.profile.largest) else None

    def _pass_on(self, reason: str) -> None:
        """Nobody waits for it any longer, nor for the next."""
        self.origin_request.is_exclusive.set()
        emit("passed", "page", self.key, reason=reason)
        self._resolve(Outcome(reason=reason))
        if self.client is None:
            # Behind a reader, and for nothing: the next need not try at once.
            self.edge.page_store.engine.backoff.delay(self.key, failed=self.status >= 500)
        if self.is_shared and self.status < 500:
            # After an error the next readers share one call again: it may be over.
            self.edge.start_task(self.edge.mark_hit_for_miss(self.request, reason, self.begun, self.token))
            self.token = None

    async def _receive_body(self, message: Message) -> None:
        if self._is_complete:
            # The reader has had all of it: what would be kept is another page than that.
            raise RuntimeError("The application goes on behind the end of its answer.")
        body, more = message.get("body", b""), message.get("more_body", False)
        self._is_complete = not more
        if self.mode in (ResponseMode.TEE, ResponseMode.STORE):
            self._length += len(body)
            if self._length <= self.edge.profile.largest:
                self._chunks.append(bytes(body))
            else:
                await self._stop_storing(body)
                return
        if self.mode in (ResponseMode.FORWARD, ResponseMode.TEE):
            await self._forward(message)

    async def _stop_storing(self, body: bytes) -> None:
        """Longer than it said, or than may be kept: from here on it is passed."""
        buffered, was, self._chunks, self.mode = b"".join(self._chunks), self.mode, [], ResponseMode.FORWARD
        self._pass_on("too large")
        if self.client is None or self.paced_client is None:
            return
        await self.paced_client.drain()
        if was is ResponseMode.STORE:
            cache_status = CacheStatus(
                forwarded=self.forwarded, forwarded_status=self.status, key=self.key, detail="too large"
            )
            await self._send_late(self.client, cache_status, buffered + body)
        else:
            await self.client.send({"type": "http.response.body", "body": body, "more_body": not self._is_complete})

    async def _send_late(self, client: Client, cache_status: CacheStatus, body: bytes) -> None:
        """What was held back to be kept, and cannot be."""
        headers = self.edge.outgoing_fields(self.fields, cache_status)
        await client.send({"type": "http.response.start", "status": self.status, "headers": headers})
        await client.send({"type": "http.response.body", "body": body, "more_body": not self._is_complete})

    # --- when it is over ----------------------------------------------------------------------------------

    async def _finish(self, collected: Dependencies) -> None:
        old = self.old.value if self.old is not None else None
        match self.mode:
            case ResponseMode.FRESHEN if isinstance(old, Page) and not confirms(old, self.fields):
                # It was asked about what we have, and answers of something else: right, and not to be kept.
                self._resolve(Outcome(old, status=304))
            case ResponseMode.FRESHEN if isinstance(old, Page):
                complete = CompleteResponse(self.request, old.status, freshen_fields(old, self.fields), old.body)
                await self._store(complete, collected)
            case ResponseMode.STALE_IF_ERROR:
                self.edge.page_store.engine.backoff.delay(self.key, failed=True)
                self._resolve(Outcome(old if isinstance(old, Page) else None, stale=True, status=self.status))
            case ResponseMode.STORE | ResponseMode.TEE if collected.private:
                await self._send_privately()
            case ResponseMode.STORE | ResponseMode.TEE if self._is_all_received():
                await self._store(
                    CompleteResponse(self.request, self.status, self.fields, b"".join(self._chunks)), collected
                )
            case ResponseMode.STORE if self.client is not None:
                # Not all that was promised: the server sees it by the length, and closes the connection.
                cache_status = CacheStatus(
                    forwarded=self.forwarded, forwarded_status=self.status, detail="incomplete"
                )
                await self._send_late(self.client, cache_status, b"".join(self._chunks))
                self.mode = ResponseMode.FORWARD

    async def _send_privately(self) -> None:
        """What was made, when its fields were said already, of data that no key names: for this reader alone."""
        was, self.mode = self.mode, ResponseMode.FORWARD
        self._pass_on("private")
        if was is ResponseMode.STORE and self.client is not None:
            cache_status = CacheStatus(forwarded=self.forwarded, forwarded_status=self.status, detail="private")
            await self._send_late(self.client, cache_status, b"".join(self._chunks))

    def _is_all_received(self) -> bool:
        """An incomplete response is not stored (RFC 9111, section 3.3)."""
        said = self.fields.first(b"content-length")
        return self._is_complete and (said is None or said == str(self._length))

    async def _store(self, complete: CompleteResponse, collected: Dependencies) -> None:
        """The readers' in any case; kept if nothing overtook it, and nothing in it was stale."""
        tags = {*tags_of_page(self.request), *collected.tags, *members(self.fields.combined_value(b"cache-tag"))}
        tags.update((self.fields.combined_value(b"surrogate-key") or "").split())
        page, times = build_page(
            complete, self.requested_at, self.received_at, self.edge.clock(), collected, self.edge.profile
        )
        outcome = Outcome(page, stored=not collected.stale, stale=collected.stale, status=self.status)
        self._resolve(replace(outcome, tags=tuple(tags), begun=self.begun))
        tiers = self.edge.engine.tiers
        if collected.stale:
            emit("refused", "page", self.key, reason="made of a stale part")
            # While the log is silent all parts are stale; else this one is being loaded again.
            tiers.backoff.delay(self.key, failed=False, brief=tiers.ordering.is_heard)
            return
        is_stored = await self.edge.store(self.request, page, tags, self.begun, times, self.token)
        self.token = None if not page.vary else self.token
        tiers.update_backoff(self.key, is_stored=is_stored)

    async def _recover(self, error: Exception) -> None:
        """The application has raised: what is old, if it may stand in."""
        old = self.old.value if self.old is not None else None
        if self.mode is not ResponseMode.UNDECIDED or not isinstance(old, Page) or not self._may_serve_stale(old):
            raise error
        self.mode = ResponseMode.STALE_IF_ERROR
        self.edge.page_store.engine.backoff.delay(self.key, failed=True)
        self._resolve(Outcome(old, stale=True, status=500))

    def _may_serve_stale(self, old: Page) -> bool:
        return self.old is not None and may_serve_on_error(old, self.old.verdict, self.edge.clock())

    def _resolve(self, outcome: Outcome) -> None:
        if not self.outcome.done():
            self.outcome.set_result(outcome)

    def _reject(self, error: BaseException) -> None:
        self.edge.page_store.engine.backoff.delay(self.key, failed=True)
        self._resolve(Outcome(error=error))


def _outcome_of_lookup(lookup: Lookup, *, stale: bool) -> Outcome:
    assert lookup.stored is not None  # noqa: S101 - see Lookup.replaces
    header = lookup.stored.header
    return Outcome(lookup.page, stored=True, stale=stale, tags=header.tags, begun=header.stamp)
