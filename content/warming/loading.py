"""Carry out loads of warming: entries in batches, pages through the application in this process."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from content import resources
from content.caching import NotThere
from content.caching.backoff import Backoff
from content.caching.engine import Engine
from content.caching.warm_plan import WarmPlan, warm_under
from content.warming.cold import ColdEntry, compare
from content.warming.items import OF_A_POST, ON_EVERY_PAGE
from content.warming.load_control import LoadControl
from content.warming.plan import PATH
from content.warming.targets import Target, pages
from content.warming.unread import UnreadEntries

logger = logging.getLogger(__name__)

# Entries of one resource in one load_many.
ENTRIES_AT_ONCE = 64
# Pages that are made at once. One thread makes them: more of them would each take longer, and a page that a reader
# asks for meanwhile is made twice.
PAGES_AT_ONCE = 2


class WarmLoader:
    """Loads cold entries within the budget of `control`. One that fails, or is not there, is retried with backoff.

    `unread`: knows what nobody reads, and puts its loads off.
    """

    def __init__(self, engine: Engine, control: LoadControl, unread: UnreadEntries | None = None) -> None:
        self.engine = engine
        self.control = control
        self.unread = unread if unread is not None else UnreadEntries(None)
        self.absences = Backoff(lambda: engine.clock())
        self.page_slots = asyncio.Semaphore(PAGES_AT_ONCE)

    def share(self, loops: int) -> None:
        """Share the number of pages at once among so many loops: two releases together make no more than one."""
        self.page_slots = asyncio.Semaphore(max(1, PAGES_AT_ONCE // loops))

    def is_due(self, entry: ColdEntry) -> bool:
        """False while its next attempt is delayed, or put off since nobody reads it."""
        return not (self._is_delayed(entry) or self.unread.is_put_off(entry))

    def _is_delayed(self, entry: ColdEntry) -> bool:
        return self.engine.backoff.is_delayed(entry.key) or self.absences.is_delayed(entry.key)

    async def load(self, cold: Sequence[ColdEntry], horizon: float) -> None:
        """Load entries, then what pages are made of, then pages: one made of a stale entry would be stale."""
        await self._load_entries([entry for entry in cold if entry.target.resource is not pages])
        missing_pages = [entry for entry in cold if entry.target.resource is pages]
        if missing_pages:
            await self._load_parts(missing_pages, horizon)
            await asyncio.gather(*map(self._load_page, missing_pages))

    async def _load_entries(self, cold: Iterable[ColdEntry], plan: WarmPlan = WarmPlan.NONE) -> None:
        """`plan`: NONE for that of each entry."""
        by_kind: dict[tuple[str, WarmPlan], list[ColdEntry]] = {}
        for entry in cold:
            by_kind.setdefault((entry.target.resource.name, plan or entry.plan), []).append(entry)
        batches = [
            self._load_batch(some[first : first + ENTRIES_AT_ONCE], under)
            for (_, under), some in by_kind.items()
            for first in range(0, len(some), ENTRIES_AT_ONCE)
        ]
        await asyncio.gather(*batches)

    async def _load_batch(self, cold: Sequence[ColdEntry], plan: WarmPlan) -> None:
        """One load_many. Entries that others have loaded meanwhile are left alone."""
        resource = resources.BY_NAME[cold[0].target.resource.name]
        seen_at = {resource.entry_key(entry.target.parameters, {}): entry.seen_at for entry in cold}
        errors: list[BaseException] = []
        try:
            async with self.control.turn(resource.name, len(cold)):
                with warm_under(plan):
                    results = await self.engine.warmer.load(seen_at)
                errors += filter(None, results.values())
                if errors:
                    raise errors[0]
        except Exception as error:
            failed = len(errors) or len(cold)
            logger.warning("Cannot warm %d entries of %s; retrying later: %s", failed, resource.name, error)
            if not errors:
                # No loader has failed, so the engine does not delay its keys.
                self._delay(cold)

    async def _load_page(self, entry: ColdEntry) -> None:
        try:
            async with self.page_slots, self.control.turn(pages.name):
                await self._make_page(entry)
        except Exception as error:
            logger.warning("Cannot warm the page %s; retrying later: %s", entry.target, error)
            self._delay([entry])

    async def _make_page(self, entry: ColdEntry) -> None:
        try:
            with warm_under(entry.plan):
                await pages.refresh(*entry.target.parameters)
        except NotThere:
            self._delay([entry])

    def _delay(self, cold: Iterable[ColdEntry]) -> None:
        for entry in cold:
            self.absences.delay(entry.key, failed=True)

    # --- parts of pages -----------------------------------------------------------------------------

    async def _load_parts(self, cold: Sequence[ColdEntry], horizon: float) -> None:
        """Load the entries that the pages show by few queries. The application would load them page by page."""
        paths = [urlsplit(entry.target.parameters[0]).path for entry in cold]
        slugs = [match[2] for path in paths if (match := PATH.fullmatch(path)) and match[1] == "posts"]
        documents = [Target(resources.post, ("post", slug)) for slug in slugs]
        await self._load_missing([*(Target(resource) for resource in ON_EVERY_PAGE), *documents], horizon)
        posts = (await resources.post.get_many([("post", slug) for slug in slugs])).values()
        await self._load_missing(
            [Target(resource, (post.id,)) for post in posts for resource in (*OF_A_POST, resources.comments)], horizon
        )

    async def _load_missing(self, targets: Iterable[Target], horizon: float) -> None:
        comparison = await compare(self.engine, {str(target): target for target in targets}, horizon)
        if comparison is not None:
            due = [entry for entry in comparison.cold if not self._is_delayed(entry)]
            await self._load_entries(due, WarmPlan.PARTS)
