"""Carry out loads of warming: entries in batches, pages through the application in this process."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from content import resources
from content.caching import NotThere
from content.caching.backoff import Backoff
from content.caching.engine import Engine
from content.caching.entry import NOWHERE
from content.caching.refresh import RefreshRequest
from content.warming.gaps import Gap, compare
from content.warming.load_control import LoadControl
from content.warming.plan import OF_A_POST, ON_EVERY_PAGE, PATH
from content.warming.targets import Target, pages

logger = logging.getLogger(__name__)

# Entries of one resource in one load_many.
ENTRIES_AT_ONCE = 64


class WarmLoader:
    """Loads gaps within the budget of `control`. What fails, or is not there, is tried again with backoff."""

    def __init__(self, engine: Engine, control: LoadControl) -> None:
        self.engine = engine
        self.control = control
        self.absences = Backoff(lambda: engine.clock())

    def is_due(self, gap: Gap) -> bool:
        """False while its next attempt is delayed."""
        return not (self.engine.backoff.is_delayed(gap.key) or self.absences.is_delayed(gap.key))

    async def load(self, gaps: Sequence[Gap], horizon: float) -> None:
        """Load entries, then what pages are made of, then pages: one made of a stale entry would be stale."""
        await self._load_entries([gap for gap in gaps if gap.target.resource is not pages])
        missing_pages = [gap for gap in gaps if gap.target.resource is pages]
        if missing_pages:
            await self._load_parts(missing_pages, horizon)
            await asyncio.gather(*map(self._load_page, missing_pages))

    async def _load_entries(self, gaps: Iterable[Gap]) -> None:
        by_name: dict[str, list[Gap]] = {}
        for gap in gaps:
            by_name.setdefault(gap.target.resource.name, []).append(gap)
        batches = [
            some[first : first + ENTRIES_AT_ONCE]
            for some in by_name.values()
            for first in range(0, len(some), ENTRIES_AT_ONCE)
        ]
        await asyncio.gather(*map(self._load_batch, batches))

    async def _load_batch(self, gaps: Sequence[Gap]) -> None:
        """One load_many. Entries that others have loaded meanwhile are left alone."""
        resource = resources.BY_NAME[gaps[0].target.resource.name]
        requests = [
            RefreshRequest(resource.name, resource.schema, gap.target.parameters, gap.seen_at, NOWHERE)
            for gap in gaps
        ]
        try:
            async with self.control.turn(resource.name, len(gaps)):
                await self.engine.refresher.refresh_batch(requests)
        except Exception as error:
            logger.warning("Cannot warm %d entries of %s; retrying later: %s", len(gaps), resource.name, error)
            self._delay(gaps)

    async def _load_page(self, gap: Gap) -> None:
        try:
            async with self.control.turn(pages.name):
                await self._make_page(gap)
        except Exception as error:
            logger.warning("Cannot warm the page %s; retrying later: %s", gap.target, error)
            self._delay([gap])

    async def _make_page(self, gap: Gap) -> None:
        try:
            await pages.refresh(*gap.target.parameters)
        except NotThere:
            self._delay([gap])

    def _delay(self, gaps: Iterable[Gap]) -> None:
        for gap in gaps:
            self.absences.delay(gap.key, failed=True)

    # --- parts of pages -----------------------------------------------------------------------------

    async def _load_parts(self, gaps: Sequence[Gap], horizon: float) -> None:
        """What the pages show, by few queries: else the application would load it page by page."""
        paths = [urlsplit(gap.target.parameters[0]).path for gap in gaps]
        slugs = [match[2] for path in paths if (match := PATH.fullmatch(path)) and match[1] == "posts"]
        documents = [Target(resources.post, ("post", slug)) for slug in slugs]
        await self._load_missing([*(Target(resource) for resource in ON_EVERY_PAGE), *documents], horizon)
        posts = (await resources.post.get_many([("post", slug) for slug in slugs])).values()
        await self._load_missing(
            [Target(resource, (post.id,)) for post in posts for resource in (*OF_A_POST, resources.comments)], horizon
        )

    async def _load_missing(self, targets: Iterable[Target], horizon: float) -> None:
        comparison = await compare(self.engine, {str(target): target for target in targets}, {}, horizon)
        if comparison is not None:
            await self._load_entries(filter(self.is_due, comparison.gaps))
