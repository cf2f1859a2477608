"""Compress stored pages, once for all processes: quickly at once, and as well as possible when they are hot.

Codings are stored with the page. A process that lacks one reads the stored page again before it compresses. All of
this runs behind the readers: until a coding is there, the page is sent uncompressed.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from ..engine import Engine
from ..entry import CachedValue, Verdict
from ..refresh_queue import RefreshRequest
from .encoder import Encoder, is_best
from .page import Coded, Page, merge_codings
from .page_store import PageStore, StoredPage
from .profile import Profile
from .representation import is_codable
from .stored_codings import add_codings, read_codings
from .wire_image import WireImage

# Number of hits after which a page is compressed again, at the best level.
HOT = 100
# The version of requests in the page queue.
SCHEMA = "1"
# Seconds between looks at what a worker may have compressed. No reader waits for it.
_WORKER_CHECKS = (0.5, 1.0, 2.0, 4.0)


class PageCodings:
    """`engine`: gives the engine that stores the pages."""

    def __init__(self, profile: Profile, engine: Callable[[], Engine]) -> None:
        self._profile = profile
        self._engine = engine
        self.encoder = Encoder()
        # Pages whose codings are being made, by key and when they were received.
        self._running: dict[tuple[str, float], asyncio.Task[None]] = {}

    @property
    def _page_store(self) -> PageStore:
        return PageStore(self._engine())

    # --- what starts it -------------------------------------------------------------------------------------

    def start(self, cached: CachedValue, image: WireImage, coding: str) -> None:
        """Start to compress when a coding is first requested, and again when the page becomes hot."""
        started, hot = image.started_codings, cached.reads >= HOT
        if started is None or (coding in started and (started[coding] or not hot)):
            return
        name = (image.store_key, image.page.received_at)
        if name in self._running or self.encoder.is_full:
            # Tried again on a later request.
            return
        started[coding] = hot
        work = self._complete(image.store_key, cached, (coding,), hot=hot, hands_over=True)
        self._begin(name, work)

    def add_soon(self, key: str, page: Page) -> None:
        """Compress a page that was just stored in a tier that other processes read."""
        engine = self._engine()
        if not engine.shared.replaces_in_place or page.status >= 400 or not is_codable(page, self._profile):
            return
        name = (key, page.received_at)
        if name not in self._running and not self.encoder.is_full and self._lacking(page, self._profile.codings):
            self._begin(name, self._add_to_stored(key, page))

    def _begin(self, name: tuple[str, float], work: Coroutine[Any, Any, Any]) -> None:
        task = self._running[name] = self._engine().loop_state().begin(work)
        task.add_done_callback(lambda done: self._running.pop(name, None))

    async def wait_for(self, key: str, page: Page) -> None:
        """Wait until the codings of a page are stored that are being made now."""
        task = self._running.get((key, page.received_at))
        if task is not None:
            await asyncio.wait({task})

    async def improve(self, key: str) -> bool:
        """Store a page's codings at their best levels. False if there is no such page, or a newer one has come."""
        stored = await self._page_store.lookup(key, again=True)
        if stored is None or not isinstance(stored.value, Page) or not is_codable(stored.value, self._profile):
            return False
        return await self._complete(key, stored.cached, self._profile.codings, hot=True)

    # --- what it does ---------------------------------------------------------------------------------------

    async def _add_to_stored(self, key: str, page: Page) -> None:
        stored = await self._page_store.lookup(key)
        if stored is not None and _is_same(stored, page):
            await self._complete(key, stored.cached, self._profile.codings, hot=False, reads=False)

    async def _complete(
        self,
        key: str,
        cached: CachedValue,
        codings: Iterable[str],
        *,
        hot: bool,
        reads: bool = True,
        hands_over: bool = False,
    ) -> bool:
        """Give a page those codings: the stored ones, and what is lacking compressed. Whether they are stored now.

        `reads`: another process may have stored codings; False for a page that this one has just stored.
        `hands_over`: a worker compresses, if one is there.
        """
        engine = self._engine()
        is_shared = engine.shared.replaces_in_place
        if reads and is_shared and self._lacking(cached.value, codings, hot=hot):
            self._adopt(key, cached, await read_codings(engine, key, cached.header))
        # Taken now, because another task may give the page more codings than are stored.
        just_stored = None if reads else cached.value
        lacking = self._lacking(cached.value, codings, hot=hot)
        if hot and lacking and hands_over and await self._is_made_by_worker(key, cached, lacking):
            return True
        body = cached.value.body
        encoded = [await self.encoder.encode(coding, body, hot=hot) for coding in lacking]
        made = [coded for coded in encoded if coded is not None]
        self._adopt(key, cached, made)
        if cached.verdict is Verdict.INVALID or not made:
            return not lacking
        return is_shared and await add_codings(engine, key, cached.header, made, just_stored)

    async def _is_made_by_worker(self, key: str, cached: CachedValue, codings: list[str]) -> bool:
        """Whether a worker has stored these codings at their best levels."""
        queue, header = self._engine().page_queue, cached.header
        message = RefreshRequest("codings", SCHEMA, (key,), header.made_at, header.stamp.position)
        if queue is None or not await queue.add(message):
            return False
        for delay in _WORKER_CHECKS:
            await asyncio.sleep(delay)
            self._adopt(key, cached, await read_codings(self._engine(), key, header))
            if not self._lacking(cached.value, codings, hot=True):
                return True
        return False

    def _lacking(self, page: Page, codings: Iterable[str], *, hot: bool = False) -> list[str]:
        """Codings that a page does not have, or, if it is hot, not at the best level."""
        length = len(page.body)
        there = {coded.coding for coded in page.codings if not hot or is_best(coded, length)}
        return [coding for coding in codings if coding not in there]

    def _adopt(self, key: str, cached: CachedValue, codings: Iterable[Coded]) -> None:
        """Add codings to a page in memory, and to what is sent of it."""
        page: Page = cached.value
        merged = merge_codings(page, codings)
        if merged is page:
            return
        cached.value = merged
        image: WireImage | None = cached.derived
        if image is not None:
            image.add_codings(merged)
        self._page_store.resize(key, cached)


def _is_same(stored: StoredPage, page: Page) -> bool:
    return isinstance(stored.value, Page) and stored.value.received_at == page.received_at
