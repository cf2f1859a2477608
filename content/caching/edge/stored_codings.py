"""Codings in the shared tier: read those of a stored page, and add to them by compare-and-set."""

from collections.abc import Sequence

from ..engine import Engine
from ..entry import Entry, Header, Verdict, pack
from ..errors import Unreadable
from .page import Coded, Page, merge_codings
from .page_store import PageKey, encode_value, read_stored_value

# Processes that add codings to one page at the same time, one after the other.
_MOST_ATTEMPTS = 4


async def read_codings(engine: Engine, key: str, header: Header) -> tuple[Coded, ...]:
    """The codings stored with the page of that header; none if another page is stored by now."""
    stored = await _read_again(engine, key, header)
    return stored[1].codings if stored is not None else ()


async def add_codings(
    engine: Engine, key: str, header: Header, codings: Sequence[Coded], just_stored: Page | None = None
) -> bool:
    """Add codings to the stored page of that header. It keeps its times, and ends when it would have ended.

    `just_stored`: the page as this process has stored it, which need not be read if no other process has changed it.
    False if another page is stored by now, or the shared tier has no compare-and-set.
    """
    stored = (encode_value(just_stored), just_stored) if just_stored is not None else None
    for _ in range(_MOST_ATTEMPTS):
        stored = stored or await _read_again(engine, key, header)
        if stored is None:
            return False
        (content, page), stored = stored, None
        merged = merge_codings(page, codings)
        if merged is page:
            return True
        old, new = pack(Entry(header, content)), pack(Entry(header, encode_value(merged)))
        if await engine.shared.replace(key, old, new):
            return True
    return False


async def _read_again(engine: Engine, key: str, header: Header) -> tuple[bytes, Page] | None:
    """The stored page of that header, encoded and decoded. Memory is not changed."""
    cached = (await engine.tiers.lookup([PageKey(key)], again=True)).get(key)
    if cached is None or cached.header != header or cached.verdict is Verdict.INVALID:
        return None
    try:
        page = read_stored_value(cached.value)
    except Unreadable:
        return None
    return (cached.value, page) if isinstance(page, Page) else None
