"""The lease of one page: the right to call the application for it, held across processes."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from .handover import outcome_of_lookup
from .incoming_response import Outcome
from .origin import Origin
from .page_store import Lookup, StoredPage
from .request import Request
from .rules.freshness import Action, decide

# Seconds that a call waits for another process's before it goes ahead without a lease.
_LONGEST_WAIT = 30.0


class PageLease:
    """`old`: the stored page when the fetch was created, at `created_at` (Unix seconds)."""

    def __init__(
        self, origin: Origin, request: Request, old: StoredPage | None, created_at: float, *, has_reader: bool
    ) -> None:
        self._origin = origin
        self._request = request
        self._old = old
        self._created_at = created_at
        self._lease = origin.page_store.new_lease(has_reader=has_reader)
        # The lease's token while this process holds it, and must release it.
        self.token: str | None = None

    async def acquire(self, *, waits: bool) -> tuple[bool, Outcome | None]:
        """Whether this process calls the application, and the outcome if another process has stored the page.

        `waits`: a reader waits. Without one, a page that another process is about to store is left to it.
        """
        is_ours, outcome = True, None

        async def settle(ours: list[str], lookup: Lookup) -> list[str]:
            nonlocal is_ours, outcome
            self.token = self._lease.token if ours else None
            if self.is_satisfied_by(lookup):
                outcome = outcome_of_lookup(lookup, stale=not self._origin.page_store.is_heard)
                is_ours = False
            elif not ours and not lookup.is_hit_for_miss:
                is_ours = waits
                return [self._request.key] if waits else []
            return []

        page_store, keys = self._origin.page_store, [self._request.key]
        await self._lease.contend(
            keys, lambda keys: page_store.lookup_page(self._request, again=True), settle, timeout=_LONGEST_WAIT
        )
        return is_ours, outcome

    def is_satisfied_by(self, lookup: Lookup) -> bool:
        """Whether another process stored a page since this fetch was created, or one as fresh as the request asks."""
        stored, page, now = lookup.stored, lookup.page, self._origin.clock()
        if stored is None or page is None:
            return False
        self._origin.page_store.update_verdict(stored)
        if not lookup.replaces(self._old):
            return False
        asked, heard = self._request.directives, self._origin.page_store.is_heard
        decision = decide(asked, page, stored.verdict, now, self._origin.profile.reload_after, heard=heard)
        return stored.header.made_at >= self._created_at or decision.action is Action.SERVE

    @contextmanager
    def renewal(self) -> Iterator[None]:
        """Renew the lease while the block runs, if this process holds it."""
        with self._lease.renewal([self._request.key]) if self.token is not None else nullcontext():
            yield

    async def release(self) -> None:
        if self.token is not None:
            await self._lease.release([self._request.key])
