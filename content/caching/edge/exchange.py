"""One request's way: what is stored, whether it will do, and whom to ask otherwise."""

import asyncio
from typing import TYPE_CHECKING, Any

from content.caching.edge.answer import reply
from content.caching.edge.asking import is_ahead
from content.caching.edge.client import Client
from content.caching.edge.fetch import Fetch, Mode
from content.caching.edge.form import not_to_be_kept
from content.caching.edge.found import Found
from content.caching.edge.outcome import Outcome
from content.caching.edge.request import Request
from content.caching.edge.requesting import query_of
from content.caching.edge.rules.answering import UNBOUNDED, Way, decide, may_collapse, serves_error
from content.caching.edge.rules.fields import Fields
from content.caching.edge.rules.invalidation import urls_ended_by
from content.caching.edge.rules.keys import url_key
from content.caching.edge.rules.status import Told
from content.caching.edge.rules.storing import refusal_of_strangers
from content.caching.edge.rules.validation import freshened, same_by_head
from content.caching.edge.shelf import Held
from content.caching.edge.stored import Page
from content.caching.entry import Stamp, Verdict
from content.caching.events import record

if TYPE_CHECKING:
    from content.caching.edge.cache import EdgeCache


# Others' calls that a request waits for, one after the other, before it makes its own.
MOST_FLIGHTS = 4


class Exchange:
    def __init__(self, edge: "EdgeCache", request: Request, client: Client) -> None:
        self.edge = edge
        self.request = request
        self.client = client

    async def run(self) -> None:
        if not self.request.is_read:
            await self.written()
        elif self.edge.profile.is_personal(self.request.fields):
            await self.personal()
        else:
            await self.read()

    # --- reads ------------------------------------------------------------------------------------------

    async def read(self) -> None:
        found = await self.edge.find(self.request)
        if await self.served(found) or await self.stood_in(found):
            return
        if "only-if-cached" in self.request.directives and self.edge.profile.reload_after is None:
            await self.refused(504, "nothing stored that would do")
        elif found.passes or not self.may_share:
            await self.fetched(self.fetch(found, shared=False))
        else:
            await self.joined(found)

    @property
    def may_share(self) -> bool:
        """HEAD is answered by what is stored, but nothing is stored for it, unless it is asked for as a whole."""
        if "no-store" in self.request.directives:
            return False
        if self.request.has_content and self.edge.profile.visible_fields is None:
            # Others would wait for what this one may never send.
            return False
        return self.request.method == "GET" or self.edge.profile.makes_whole

    async def served(self, found: Found) -> bool:
        """Whether what is stored will do, as it is."""
        held = found.held
        if held is None or not isinstance(held.stored, Page):
            return False
        now, shelf = self.edge.clock(), self.edge.shelf
        decision = decide(
            self.request.directives, held.stored, held.verdict, now, self.edge.profile, heard=shelf.is_heard
        )
        if decision.way is Way.VALIDATE:
            found.why = decision.reason
            return False
        if decision.way is Way.SERVE_AND_REFRESH:
            self.edge.refresh(self.request, found)
        record("stale" if decision.reason else "hit", "page", self.request.key, tier=held.tier)
        expired = held.verdict is Verdict.EXPIRED or not shelf.is_heard
        detail = "expired" if expired else "" if held.tier == "memory" else held.tier
        await self.reply(
            held.stored, Told(hit=True, detail=detail), held=held, longest=-1.0 if expired else UNBOUNDED
        )
        return True

    async def stood_in(self, found: Found) -> bool:
        """The application has failed a moment ago: it is not asked again by each reader (I6; RFC 5861, section 4)."""
        held, key, engine = found.held, self.request.key, self.edge.engine
        if held is None or not isinstance(held.stored, Page) or "no-cache" in self.request.directives:
            return False
        if not engine.pauses.has_failed(key) or not serves_error(held.stored, held.verdict, self.edge.clock()):
            return False
        record("error_stale", "page", key, tier=held.tier, reason="failed a moment ago")
        await self.reply(held.stored, Told(hit=True, detail="stale for an error"), held=held, longest=-1.0)
        return True

    async def joined(self, found: Found) -> None:
        """With whoever asks for the same already, if that began late enough for us; else we go behind them, for all
        who come after us."""
        shared, key = True, self.request.key
        for _ in range(MOST_FLIGHTS):
            flight = self.edge.flights.get(key)
            if flight is None:
                break
            if not self.may_join(flight):
                shared = not self.wants_its_own
                break
            shared = False
            record("joined", "page", key)
            outcome = await watched(flight.outcome)
            if await self.shared(outcome, found):
                return
            if outcome.page is None or not may_collapse(outcome.page):
                break
            # Another variant than ours: whoever wants ours may be on the way by now.
            shared = True
        await self.fetched(self.fetch(found, shared=shared))

    def fetch(self, found: Found, *, shared: bool) -> Fetch:
        return Fetch(self.edge, self.request, found.why, old=found.held, client=self.client, shared=shared)

    def may_join(self, flight: Fetch) -> bool:
        """One that has its answer is still storing it: whether that has been overtaken is known by a log alone."""
        if self.wants_its_own or not self.edge.shelf.covers(flight.begun):
            return False
        return self.edge.engine.ordering.is_local or not flight.outcome.done()

    @property
    def wants_its_own(self) -> bool:
        """And gets it, but where reloads are bounded: what is being made is as new as what they may ask for."""
        return "no-cache" in self.request.directives and self.edge.profile.reload_after is None

    async def shared(self, outcome: Outcome, found: Found) -> bool:
        """Whether the outcome of another's call is an answer for us as well."""
        if outcome.error is not None:
            raise outcome.error
        if outcome.page is None or not may_collapse(outcome.page) or not self.edge.fits(self.request, outcome.page):
            return False
        told = Told(forwarded=found.why, collapsed=True, stored=outcome.kept)
        # While the log is silent, what was written since that call began is not known.
        is_stale = outcome.stale or not self.edge.shelf.is_heard
        await self.reply(outcome.page, told, outcome=outcome, longest=-1.0 if is_stale else UNBOUNDED)
        return True

    async def fetched(self, fetch: Fetch) -> None:
        """Our own call. It goes on if we are cancelled."""
        task = self.edge.fly(fetch)
        try:
            waiting: set[asyncio.Future[Any]] = {task, fetch.outcome}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if fetch.mode in (Mode.PASSED_ON, Mode.TEE) or fetch.outcome.result().page is None:
                await asyncio.wait({task})
            if fetch.teed is not None:
                await fetch.teed.over()
        except asyncio.CancelledError:
            self.client.has_gone = True
            raise
        outcome = fetch.outcome.result()
        if outcome.error is not None:
            raise outcome.error
        if fetch.mode is Mode.PASSED_ON:
            await self.after_head(fetch)
        elif fetch.mode is not Mode.TEE and outcome.page is not None:
            longest = -1.0 if outcome.stale else UNBOUNDED
            await self.reply(outcome.page, told_of(fetch, outcome), outcome=outcome, longest=longest)

    async def after_head(self, fetch: Fetch) -> None:
        """A HEAD that speaks of something else than we have ends that (RFC 9111, section 4.3.5)."""
        old = fetch.old.stored if fetch.old is not None else None
        if self.request.method != "HEAD" or not isinstance(old, Page) or not 200 <= fetch.status < 300:
            return
        if same_by_head(old, fetch.status, fetch.fields):
            fields = freshened(old, fetch.fields)
            if fetch.refused(old.status, fields) is None:
                await self.edge.freshen(self.request, old, fields, fetch)
        else:
            await self.edge.shelf.invalidate([self.request.key])

    async def reply(
        self,
        page: Page,
        told: Told,
        *,
        held: Held | None = None,
        outcome: Outcome | None = None,
        longest: float = UNBOUNDED,
    ) -> None:
        """`longest`: for how long it may call itself fresh."""
        now = self.edge.clock()
        told = told.about(self.request.key, min(page.fresh_until - now, longest))
        tags, begun = depends(held, outcome)
        forms = self.edge.hits.forms_of(page, self.request, held, tags)
        answer = reply(self.request, page, forms, now, told, self.edge.profile)
        pairs, profile = answer.pairs, self.edge.profile
        if profile.cdn is not None and ((told.ttl or 0) <= 0 or not self.edge.shelf.still_holds(begun, tags)):
            # It is old, or was asked for before an invalidation: the purge may have been, and would not end it.
            pairs = not_to_be_kept(pairs, profile)
        if self.edge.served is not None and self.request.method == "GET" and not is_ahead(self.request.fields):
            self.edge.served(page)
        await self.client.send({"type": "http.response.start", "status": answer.status, "headers": pairs})
        await self.client.send({"type": "http.response.body", "body": answer.body, "more_body": False})

    # --- what is somebody's own -----------------------------------------------------------------------------

    async def personal(self) -> None:
        """Answered by what is said to be the same for all, else past the cache."""
        found = await self.edge.find(self.request)
        page = found.held.stored if found.held is not None else None
        if isinstance(page, Page) and self.is_for_all(page) and await self.served(found):
            return
        await self.fetched(
            Fetch(self.edge, self.request, "bypass", old=None, client=self.client, shared=False, personal=True)
        )

    def is_for_all(self, page: Page) -> bool:
        return refusal_of_strangers(self.request, page.fields, page.directives, self.edge.profile) is None

    # --- writes ---------------------------------------------------------------------------------------------

    async def written(self) -> None:
        """Passed on; and whatever is stored for the URLs that it has changed ends before its writer hears of it."""
        send = self.client.send

        async def sent(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                status, fields = int(str(message["status"])), Fields(message.get("headers", ()))  # type: ignore[arg-type]
                await self.ended_by(status, fields)
                told = Told(forwarded="method", forwarded_status=status)
                message = {**message, "headers": self.edge.outward(fields, told)}
            await send(message)

        await self.edge.app(self.request.scope, self.client.receive_next, sent)  # type: ignore[arg-type]

    async def ended_by(self, status: int, fields: Fields) -> None:
        urls = urls_ended_by(self.request, status, fields) if self.edge.profile.invalidates else []
        if urls:
            await self.edge.shelf.invalidate([url_key(self.as_asked_for(url)) for url in urls])

    def as_asked_for(self, url: str) -> str:
        """As those who read it have it in their key."""
        path, mark, query = url.partition("?")
        wanted = query_of(query.encode("latin-1", "replace"), self.edge.profile).decode("latin-1")
        return path + mark + wanted if wanted else path

    async def refused(self, status: int, text: str) -> None:
        told = Told(forwarded="bypass", detail=text).field(self.edge.profile.name)
        content_type, body = self.edge.profile.refusal(status, text)
        headers = [
            (b"content-type", content_type),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"cache-status", told),
        ]
        await self.client.send({"type": "http.response.start", "status": status, "headers": headers})
        body = b"" if self.request.method == "HEAD" else body
        await self.client.send({"type": "http.response.body", "body": body, "more_body": False})


def told_of(fetch: Fetch, outcome: Outcome) -> Told:
    status = outcome.status or fetch.status
    if fetch.mode is Mode.STAND_IN:
        return Told(hit=True, forwarded=fetch.why, forwarded_status=status, detail="stale for an error")
    if fetch.mode is Mode.FRESHEN:
        return Told(hit=True, forwarded=fetch.why, forwarded_status=304, stored=outcome.kept)
    return Told(forwarded=fetch.why, forwarded_status=status, stored=outcome.kept, collapsed=not fetch.status)


def depends(held: Held | None, outcome: Outcome | None) -> tuple[tuple[str, ...], Stamp | None]:
    """On what, and since when."""
    if held is not None:
        return held.header.tags, held.header.stamp
    return (outcome.tags, outcome.begun) if outcome is not None else ((), None)


async def watched(future: "asyncio.Future[Outcome]") -> Outcome:
    """Who stops waiting stops nobody else."""
    await asyncio.wait({future})
    return future.result()
