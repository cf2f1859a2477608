"""Hand a stale page to a worker, so that the process that serves readers need not make it.

A request in the queue names the URL and the fields that the application sees. It has nothing else of the reader.
Readers get the stale page meanwhile. This process makes the page itself if no worker lives, if none has stored it
after the last check, or as soon as a reader must wait for it.
"""

import asyncio
import contextlib
from collections.abc import Callable

from ..entry import NOWHERE
from ..metrics.events import emit
from ..refresh import WORKER_CHECKS
from ..refresh_queue import RefreshRequest
from .codings import SCHEMA
from .incoming_response import Outcome
from .origin import Origin
from .page_store import Lookup, StoredPage
from .request import PERSONAL, Request
from .rules.fields import Field

# Longest URL in characters, and most fields of a request with their longest value in bytes.
LONGEST_URL, MOST_FIELDS, LONGEST_VALUE = 2048, 8, 512
# Seconds between later checks. Before each of them the page is queued again, since a worker may have died with it.
_LATER_CHECKS = (1.0,) * 9


class Handover:
    """One stale page that a worker shall make again."""

    def __init__(self, origin: Origin, request: Request, old: StoredPage) -> None:
        self._origin = origin
        self._request = request
        self._old = old
        self._hurried = asyncio.Event()

    def hurry(self) -> None:
        """A reader waits: make the page here."""
        self._hurried.set()

    async def wait(self, is_satisfied: Callable[[Lookup], bool]) -> Outcome | None:
        """The page that a worker has stored. None if this process must make it."""
        engine, page_store = self._origin.engine, self._origin.page_store
        queue, parameters = engine.page_queue, describe_request(self._origin, self._request)
        if queue is None or parameters is None:
            return None
        begun = await page_store.begin()
        position = begun.position if begun is not None else NOWHERE
        message = RefreshRequest("page", SCHEMA, parameters, self._old.header.made_at, position)
        if not await queue.add(message):
            return None
        for delay in (*WORKER_CHECKS, *_LATER_CHECKS):
            if await self._is_hurried_within(delay):
                return None
            lookup = await page_store.lookup_page(self._request, again=True)
            if is_satisfied(lookup):
                return self._take(lookup)
            if delay in _LATER_CHECKS and not await queue.add(message):
                break
        emit("late", "page", self._request.key)
        return None

    def _take(self, lookup: Lookup) -> Outcome:
        engine = self._origin.engine
        if lookup.page is not None and lookup.page.fresh_until <= engine.clock():
            # Something that it shows in passing was stale. The next reader shall not ask for it at once.
            engine.backoff.delay(self._request.key, failed=False, brief=True)
        return outcome_of_lookup(lookup, stale=not engine.ordering.is_heard)

    async def _is_hurried_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hurried.wait(), seconds)
        return self._hurried.is_set()


def outcome_of_lookup(lookup: Lookup, *, stale: bool) -> Outcome:
    """The outcome for requests that waited while another process stored the page."""
    assert lookup.stored is not None  # noqa: S101 - see Lookup.replaces
    header = lookup.stored.header
    return Outcome(lookup.page, stored=True, stale=stale, tags=header.tags, begun=header.stamp)


def describe_request(origin: Origin, request: Request) -> tuple[str, tuple[tuple[str, str], ...]] | None:
    """The URL and the fields that the application sees, as the queue has them. None for a request that stays here."""
    visible, scope = origin.profile.visible_fields, request.scope
    if visible is None or PERSONAL & visible or scope.get("root_path") or request.method != "GET":
        # The application may see what no key has.
        return None
    fields = [pair for pair in request.fields.pairs if pair[0] in visible and pair[0] != b"host"]
    if not fits(request.url, fields):
        return None
    return request.url, tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in fields)


def fits(url: str, fields: list[Field]) -> bool:
    """Whether a URL and its fields are small enough for the queue."""
    return (
        len(url) <= LONGEST_URL
        and len(fields) <= MOST_FIELDS
        and all(len(name) <= LONGEST_VALUE and len(value) <= LONGEST_VALUE for name, value in fields)
    )
