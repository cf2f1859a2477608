"""Compress stored pages, once for all processes: quickly at once, and as well as possible when they are hot.

Codings are stored with the page. A process that lacks one reads the stored page again before it compresses. All of
this runs behind the readers: until a coding is there, the page is sent uncompressed.
"""

from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from ..engine import Engine
from ..entry import CachedValue, Verdict
from .encoder import Encoder, is_best
from .page import Coded, Page, merge_codings
from .page_store import PageStore, StoredPage
from .profile import Profile
from .representation import is_codable
from .wire_image import WireImage

# Number of hits after which a page is compressed again, at the best level.
HOT = 100


class PageCodings:
    """`engine`: gives the engine that stores the pages."""

    def __init__(self, profile: Profile, engine: Callable[[], Engine]) -> None:
        self._profile = profile
        self._engine = engine
        self.encoder = Encoder()
        # Keys of pages whose codings are being made.
        self._running: set[str] = set()

    @property
    def _page_store(self) -> PageStore:
        return PageStore(self._engine())

    # --- what starts it -------------------------------------------------------------------------------------

    def start(self, cached: CachedValue, image: WireImage, coding: str) -> None:
        """Start to compress when a coding is first requested, and again when the page becomes hot."""
        started, hot = image.started_codings, cached.reads >= HOT
        if started is None or (coding in started and (started[coding] or not hot)):
            return
        if image.store_key in self._running or self.encoder.is_full:
            # Tried again on a later request.
            return
        started[coding] = hot
        self._begin(image.store_key, self._complete(image.store_key, cached, (coding,), hot=hot))

    def add_soon(self, key: str, page: Page) -> None:
        """Compress a page that was just stored in a tier that other processes read."""
        engine = self._engine()
        if not engine.shared.replaces_in_place or page.status >= 400 or not is_codable(page, self._profile):
            return
        if key not in self._running and not self.encoder.is_full and self._lacking(page, self._profile.codings):
            self._begin(key, self._add_to_stored(key, page))

    def _begin(self, key: str, work: Coroutine[Any, Any, object]) -> None:
        self._running.add(key)
        self._engine().loop_state().begin(self._run(key, work))

    async def _run(self, key: str, work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        finally:
            self._running.discard(key)

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
        self, key: str, cached: CachedValue, codings: Iterable[str], *, hot: bool, reads: bool = True
    ) -> bool:
        """Give a page those codings: the stored ones, and what is lacking compressed. Whether they are stored now.

        `reads`: another process may have stored codings.
        """
        page_store, is_shared = self._page_store, self._engine().shared.replaces_in_place
        if reads and is_shared and self._lacking(cached.value, codings, hot=hot):
            self._adopt(key, cached, await page_store.read_codings(key, cached.header))
        lacking = self._lacking(cached.value, codings, hot=hot)
        body = cached.value.body
        encoded = [await self.encoder.encode(coding, body, hot=hot) for coding in lacking]
        made = [coded for coded in encoded if coded is not None]
        self._adopt(key, cached, made)
        if cached.verdict is Verdict.INVALID or not made:
            return not lacking
        return is_shared and await page_store.add_codings(key, cached.header, made)

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
