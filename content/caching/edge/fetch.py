"""One call of the application, for as many readers as may share its answer.

It runs in a task that belongs to no request: a reader who hangs up takes nothing along (I11).

1. Take the lease of the key, unless this call is one reader's alone; who waits for another's lease looks for what
   that one has stored meanwhile.
2. Note the position in the order of invalidations, then call the application, and collect what it reads (rule 2).
3. With the first message it is clear what becomes of it: passed on as it comes, kept, or taken for what we have.
4. What is kept is sealed with the noted position, and stored only while the lease is held.
"""

import asyncio
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING

from content.caching.collecting import Collected, collecting
from content.caching.edge.answer import reply
from content.caching.edge.client import AtItsPace, Client, Message
from content.caching.edge.form import not_to_be_kept, plain_form
from content.caching.edge.found import Found
from content.caching.edge.making import Whole, made
from content.caching.edge.outcome import Outcome
from content.caching.edge.question import Question
from content.caching.edge.request import Request
from content.caching.edge.rules.answering import Way, decide, serves_error
from content.caching.edge.rules.coding import SMALLEST, may_be_coded, with_vary
from content.caching.edge.rules.conditions import fields_of_304, has_it
from content.caching.edge.rules.directives import response_directives
from content.caching.edge.rules.fields import Fields, members
from content.caching.edge.rules.status import Told
from content.caching.edge.rules.storing import refusal
from content.caching.edge.rules.validation import freshened, is_about
from content.caching.edge.shelf import Held, tags_of_page
from content.caching.edge.stored import Page
from content.caching.entry import Stamp
from content.caching.events import record

if TYPE_CHECKING:
    from content.caching.edge.cache import EdgeCache

FIRST_PAUSE, LONGEST_PAUSE = 0.005, 0.05
# Seconds that a call waits for another process's before it goes ahead without a lease.
LONGEST_WAIT = 30.0


class Mode(Enum):
    UNDECIDED = "nothing has come"
    PASSED_ON = "each message goes on to the client"
    TEE = "goes on, and is collected"
    KEEP = "is collected, and answered from"
    FRESHEN = "what we have is still right"
    CONFIRMED = "what we have is right for this reader, and that is not to be kept"
    STAND_IN = "what we have is better than this error"
    KNOWN = "the client has it already, and is told so"


class Fetch:
    """`old` is what may be validated; `client` is who gets it as it comes, None for a refresh behind the reader.

    `outcome` is there for followers as soon as it is known; `why`: in the words of RFC 9211.
    """

    def __init__(
        self,
        edge: "EdgeCache",
        request: Request,
        why: str,
        *,
        old: Held | None,
        client: Client | None,
        shared: bool,
        personal: bool = False,
    ) -> None:
        self.edge = edge
        self.request = request
        self.why = why
        self.old = old if old is not None and isinstance(old.stored, Page) else None
        self.client = client
        self.is_shared = shared
        self.is_personal = personal
        self.key = request.key
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.begun: Stamp | None = None
        self.token: str | None = None
        self.mode = Mode.UNDECIDED
        self.status, self.fields = 0, Fields()
        self.chunks: list[bytes] = []
        self.length = 0
        self.is_complete = False
        self.born_at, self.asked_at, self.came_at = edge.clock(), 0.0, 0.0
        self.question = Question(edge.profile, request, self.old, client, shared=shared, personal=personal)
        # Of what is collected as well: others wait for all of it, and not for how fast this client reads.
        self.teed = AtItsPace(client, edge.begin) if client is not None else None

    # --- the way ---------------------------------------------------------------------------------------

    async def run(self) -> None:
        try:
            if self.is_shared and not await self.leased():
                return
            await self.called()
        except BaseException as error:
            self.crash(error)
            if not isinstance(error, Exception):
                raise
        finally:
            self.settle(Outcome(reason="nothing came"))
            if self.token is not None:
                await self.edge.shelf.release(self.key, self.token)
            self.edge.landed(self)

    async def leased(self) -> bool:
        """Whether it is ours to call; else somebody has stored it meanwhile, which is the outcome."""
        shelf, token, pause = self.edge.shelf, self.edge.shelf.token(), FIRST_PAUSE
        deadline = self.outcome.get_loop().time() + LONGEST_WAIT
        while True:
            got, found = await shelf.lease(self.key, token, lambda: self.edge.find(self.request, again=True))
            self.token = token if got else None
            if self.is_answered_by(found):
                self.settle(stored_by_another(found, stale=not shelf.is_heard))
                return False
            if got or found.passes or self.outcome.get_loop().time() > deadline:
                return True
            if self.client is None:
                return False
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def is_answered_by(self, found: Found) -> bool:
        """By what was made since we began, or by a newer one than memory had, if it is as fresh as is asked for."""
        held, page, now = found.held, found.page, self.edge.clock()
        if held is None or page is None or not found.replaces(self.old):
            return False
        asked, heard = self.request.directives, self.edge.shelf.is_heard
        decision = decide(asked, page, held.verdict, now, self.edge.profile, heard=heard)
        return held.header.made_at >= self.born_at or decision.way is Way.SERVE

    async def called(self) -> None:
        self.begun = await self.edge.shelf.begin()
        self.asked_at = self.edge.clock()
        renewal = asyncio.ensure_future(self.renewed()) if self.token is not None else None
        try:
            with collecting() as collected:
                await self.edge.app(self.question.scope(), self.question.receive, self.send)
        except Exception as error:
            await self.failed(error)
        else:
            await self.finished(collected)
        finally:
            if renewal is not None:
                renewal.cancel()

    async def renewed(self) -> None:
        while self.token is not None:
            await asyncio.sleep(self.edge.shelf.engine.lease / 3)
            await self.edge.shelf.renew(self.key, self.token)

    # --- what comes from it ------------------------------------------------------------------------------

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            await self.started(message)
        elif kind == "http.response.body":
            await self.continued(message)
        elif self.mode in (Mode.PASSED_ON, Mode.UNDECIDED) and self.client is not None:
            # Interim answers (RFC 9110, section 15.2), early hints, whatever else there may be.
            await self.client.send(message)

    async def started(self, message: Message) -> None:
        self.status, self.fields = message["status"], Fields(message.get("headers", ()))
        self.came_at = self.edge.clock()
        reason = self.decided()
        if self.mode in (Mode.PASSED_ON, Mode.CONFIRMED):
            self.passed(reason)
        if self.mode is Mode.CONFIRMED:
            await self.told_confirmed(reason)
        if self.mode is Mode.PASSED_ON and self.is_known():
            await self.told_known(reason)
        elif self.mode in (Mode.PASSED_ON, Mode.TEE) and self.client is not None:
            stored = self.mode is Mode.TEE
            told = Told(forwarded=self.why, forwarded_status=self.status, stored=stored, key=self.key, detail=reason)
            fields = self.as_kept() if stored else self.fields
            await self.handed({**message, "headers": self.edge.outward(fields, told)})

    async def handed(self, message: Message) -> None:
        """To the client, if there is one."""
        if self.mode is Mode.TEE and self.teed is not None:
            self.teed.send(message)
        elif self.client is not None:
            await self.client.send(message)

    def as_kept(self) -> Fields:
        """Who gets it as it comes is told what those are told who get it from the store."""
        may_vary = self.edge.profile.codings and may_be_coded(self.status, self.fields, SMALLEST)
        return with_vary(self.fields) if may_vary else self.fields

    def is_known(self) -> bool:
        """Whoever takes a client's condition away from the application answers it."""
        takes = (
            self.edge.profile.makes_whole and self.question.is_whole and self.request.is_read and self.status == 200
        )
        return takes and self.client is not None and has_it(self.request.fields, self.fields)

    async def told_known(self, reason: str) -> None:
        self.mode = Mode.KNOWN
        told = Told(forwarded=self.why, forwarded_status=self.status, key=self.key, detail=reason)
        headers = self.edge.outward(fields_of_304(self.fields), told)
        assert self.client is not None  # noqa: S101 - see is_known
        await self.client.send({"type": "http.response.start", "status": 304, "headers": headers})
        await self.client.send({"type": "http.response.body", "body": b"", "more_body": False})

    async def told_confirmed(self, reason: str) -> None:
        """With what the 304 says to this reader, and to no other (RFC 9111, section 4.3.4)."""
        old = self.old.stored if self.old is not None else None
        if self.client is None or not isinstance(old, Page):
            return
        now, profile = self.edge.clock(), self.edge.profile
        whole = Whole(self.request, old.status, freshened(old, self.fields), old.body)
        page, _ = made(whole, self.asked_at, self.came_at, now, Collected(), profile)
        told = Told(hit=True, forwarded=self.why, forwarded_status=304, key=self.key, detail=reason)
        answer = reply(self.request, page, {"": plain_form(page, profile, ())}, now, told, profile)
        headers = not_to_be_kept(answer.pairs, profile)
        await self.client.send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await self.client.send({"type": "http.response.body", "body": answer.body, "more_body": False})

    def decided(self) -> str:
        """The mode, and why if it is not kept."""
        old = self.old.stored if self.old is not None else None
        if self.status == 304 and self.question.validates and isinstance(old, Page):
            reason = self.refused(old.status, freshened(old, self.fields)) if is_about(old, self.fields) else None
            self.mode = Mode.FRESHEN if reason is None else Mode.CONFIRMED
            return reason or ""
        if self.status >= 500 and isinstance(old, Page) and self.may_stand_in(old):
            self.mode = Mode.STAND_IN
            return ""
        is_for_get = self.request.method == "GET" or self.edge.profile.makes_whole
        reason = (self.refused(self.status, self.fields) or self.too_large()) if is_for_get else "method"
        if reason is not None:
            self.mode = Mode.PASSED_ON
            return reason
        directives, _ = response_directives(self.fields, self.edge.profile.targeted)
        # Of unknown length, or with something for this reader alone: it goes to the reader as it comes.
        as_it_comes = b"content-length" not in self.fields or directives.names("private")
        self.mode = Mode.TEE if as_it_comes and self.client is not None else Mode.KEEP
        return ""

    def refused(self, status: int, fields: Fields) -> str | None:
        """Why what this call has come to may not be kept, as the answer to GET."""
        directives, _ = response_directives(fields, self.edge.profile.targeted)
        why = self.too_personal() or self.too_much_said()
        return why or refusal(self.request.as_get(), status, fields, directives, self.edge.profile)

    def too_personal(self) -> str | None:
        """Whoever says who they are may say more: what the application made of it is not for others."""
        return "personal" if self.is_personal and self.edge.profile.visible_fields is not None else None

    def too_much_said(self) -> str | None:
        """What came with the request may be in the answer, and is not in the key."""
        has_sent = self.client is not None and (self.request.has_content or self.client.has_sent)
        return "content of the request" if has_sent and self.question.may_send else None

    def too_large(self) -> str | None:
        said = self.fields.first(b"content-length") or ""
        is_length = said.isascii() and said.isdigit()
        # Of that many digits no number is asked for.
        return "too large" if is_length and (len(said) > 18 or int(said) > self.edge.profile.largest) else None

    def passed(self, reason: str) -> None:
        """Nobody waits for it any longer, nor for the next."""
        self.question.is_own.set()
        record("passed", "page", self.key, reason=reason)
        self.settle(Outcome(reason=reason))
        if self.client is None:
            # Behind a reader, and for nothing: the next need not try at once.
            self.edge.shelf.engine.pauses.begin(self.key, failed=self.status >= 500)
        if self.is_shared and self.status < 500:
            # After an error the next readers share one call again: it may be over.
            self.edge.begin(self.edge.note_passed(self.request, reason, self.begun, self.token))
            self.token = None

    async def continued(self, message: Message) -> None:
        if self.is_complete:
            # The reader has had all of it: what would be kept is another page than that.
            raise RuntimeError("The application goes on behind the end of its answer.")
        body, more = message.get("body", b""), message.get("more_body", False)
        self.is_complete = not more
        if self.mode in (Mode.TEE, Mode.KEEP):
            self.length += len(body)
            if self.length <= self.edge.profile.largest:
                self.chunks.append(bytes(body))
            else:
                await self.outgrown(body)
                return
        if self.mode in (Mode.PASSED_ON, Mode.TEE):
            await self.handed(message)

    async def outgrown(self, body: bytes) -> None:
        """Longer than it said, or than may be kept: from here on it is passed."""
        held, was, self.chunks, self.mode = b"".join(self.chunks), self.mode, [], Mode.PASSED_ON
        self.passed("too large")
        if self.client is None or self.teed is None:
            return
        await self.teed.over()
        if was is Mode.KEEP:
            told = Told(forwarded=self.why, forwarded_status=self.status, key=self.key, detail="too large")
            await self.answered_late(self.client, told, held + body)
        else:
            await self.client.send({"type": "http.response.body", "body": body, "more_body": not self.is_complete})

    async def answered_late(self, client: Client, told: Told, body: bytes) -> None:
        """What was held back to be kept, and cannot be."""
        headers = self.edge.outward(self.fields, told)
        await client.send({"type": "http.response.start", "status": self.status, "headers": headers})
        await client.send({"type": "http.response.body", "body": body, "more_body": not self.is_complete})

    # --- when it is over ----------------------------------------------------------------------------------

    async def finished(self, collected: Collected) -> None:
        old = self.old.stored if self.old is not None else None
        match self.mode:
            case Mode.FRESHEN if isinstance(old, Page) and not is_about(old, self.fields):
                # It was asked about what we have, and answers of something else: right, and not to be kept.
                self.settle(Outcome(old, status=304))
            case Mode.FRESHEN if isinstance(old, Page):
                whole = Whole(self.request, old.status, freshened(old, self.fields), old.body)
                await self.kept(whole, collected)
            case Mode.STAND_IN:
                self.edge.shelf.engine.pauses.begin(self.key, failed=True)
                self.settle(Outcome(old if isinstance(old, Page) else None, stale=True, status=self.status))
            case Mode.KEEP | Mode.TEE if collected.private:
                await self.send_privately()
            case Mode.KEEP | Mode.TEE if self.is_all_there():
                await self.kept(Whole(self.request, self.status, self.fields, b"".join(self.chunks)), collected)
            case Mode.KEEP if self.client is not None:
                # Not all that was promised: the server sees it by the length, and closes the connection.
                told = Told(forwarded=self.why, forwarded_status=self.status, detail="incomplete")
                await self.answered_late(self.client, told, b"".join(self.chunks))
                self.mode = Mode.PASSED_ON

    async def send_privately(self) -> None:
        """What was made, when its fields were said already, of data that no key names: for this reader alone."""
        was, self.mode = self.mode, Mode.PASSED_ON
        self.passed("private")
        if was is Mode.KEEP and self.client is not None:
            told = Told(forwarded=self.why, forwarded_status=self.status, detail="private")
            await self.answered_late(self.client, told, b"".join(self.chunks))

    def is_all_there(self) -> bool:
        """An incomplete response is not stored (RFC 9111, section 3.3)."""
        said = self.fields.first(b"content-length")
        return self.is_complete and (said is None or said == str(self.length))

    async def kept(self, whole: Whole, collected: Collected) -> None:
        """The readers' in any case; kept if nothing overtook it, and nothing in it was stale."""
        tags = {*tags_of_page(self.request), *collected.tags, *members(self.fields.joined(b"cache-tag"))}
        tags.update((self.fields.joined(b"surrogate-key") or "").split())
        page, times = made(whole, self.asked_at, self.came_at, self.edge.clock(), collected, self.edge.profile)
        outcome = Outcome(page, kept=not collected.stale, stale=collected.stale, status=self.status)
        self.settle(replace(outcome, tags=tuple(tags), begun=self.begun))
        pauses, is_heard = self.edge.shelf.engine.pauses, self.edge.shelf.is_heard
        if collected.stale:
            record("refused", "page", self.key, reason="made of a stale part")
            # While the log is silent all parts are stale; else this one is being loaded again.
            pauses.begin(self.key, failed=False, brief=is_heard)
            return
        if not await self.edge.keep(self.request, page, tags, self.begun, times, self.token):
            pauses.begin(self.key, failed=False)
            return
        self.token = None if not page.vary else self.token
        if is_heard:
            pauses.end(self.key)
        else:
            # Kept, yet stale for as long as the log is silent: the next reader need not have it made again.
            pauses.begin(self.key, failed=False)

    async def failed(self, error: Exception) -> None:
        """The application has raised: what is old, if it may stand in."""
        old = self.old.stored if self.old is not None else None
        if self.mode is not Mode.UNDECIDED or not isinstance(old, Page) or not self.may_stand_in(old):
            raise error
        self.mode = Mode.STAND_IN
        self.edge.shelf.engine.pauses.begin(self.key, failed=True)
        self.settle(Outcome(old, stale=True, status=500))

    def may_stand_in(self, old: Page) -> bool:
        return self.old is not None and serves_error(old, self.old.verdict, self.edge.clock())

    def settle(self, outcome: Outcome) -> None:
        if not self.outcome.done():
            self.outcome.set_result(outcome)

    def crash(self, error: BaseException) -> None:
        self.edge.shelf.engine.pauses.begin(self.key, failed=True)
        self.settle(Outcome(error=error))


def stored_by_another(found: Found, *, stale: bool) -> Outcome:
    assert found.held is not None  # noqa: S101 - see Found.replaces
    header = found.held.header
    return Outcome(found.page, kept=True, stale=stale, tags=header.tags, begun=header.stamp)
