"""Judge stored entries by their headers, which are read without the values."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .entry import Header, Unreadable, Verdict, header_end, unpack_header
from .tiers import Tiers

# Bytes that are read of each entry at first. A header with about sixty tags is longer, and is read once more.
BEGINNING = 2048
# Entries in one batch of questions.
BATCH = 500
# Seconds that a new process waits for its first read of the log.
FIRST_READ = 5.0


class StoredHeader(NamedTuple):
    """The header of a stored entry, with its verdict, and the bytes that the entry takes in the store."""

    header: Header
    verdict: Verdict
    size: int

    def fresh_for(self, now: float) -> float:
        """Seconds for which the entry is fresh, 0 if it is invalid, expired or stale."""
        return max(0.0, self.header.fresh_until - now) if self.verdict is Verdict.VALID else 0.0


async def wait_until_heard(tiers: Tiers) -> bool:
    """Whether this process has read the invalidation log, for which a new one waits a moment."""
    deadline = time.monotonic() + FIRST_READ
    while not tiers.ordering.is_heard:
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.01)
    return True


async def read_headers(tiers: Tiers, keys: Sequence[str]) -> dict[str, StoredHeader] | None:
    """The stored headers by key. Entries that are missing or unreadable are left out. The memory tier stays as it is.

    None if the store does not answer, or invalidations may have been missed: then nothing can be said.
    """
    stored: dict[str, StoredHeader] = {}
    for first in range(0, len(keys), BATCH):
        batch = await _read_batch(tiers, keys[first : first + BATCH])
        if batch is None:
            return None
        stored |= batch
    return stored if tiers.ordering.is_heard else None


async def read_tags(tiers: Tiers, keys: Sequence[str]) -> dict[str, tuple[str, ...]] | None:
    """The tags of stored entries by key, whatever their verdict, in one batch. None if the store does not answer."""
    found = await _read_unjudged(tiers, keys)
    return {key: header.tags for key, (header, _) in found.items()} if found is not None else None


async def _read_batch(tiers: Tiers, keys: Sequence[str]) -> dict[str, StoredHeader] | None:
    found = await _read_unjudged(tiers, keys)
    if found is None:
        return None
    verdicts = await tiers.ordering.judge([header for header, _ in found.values()])
    return {
        key: StoredHeader(header, verdict, size)
        for (key, (header, size)), verdict in zip(found.items(), verdicts, strict=True)
    }


async def _read_unjudged(tiers: Tiers, keys: Sequence[str]) -> dict[str, tuple[Header, int]] | None:
    """Headers, and sizes of entries in bytes."""
    beginnings = await tiers.shared.read_beginnings(keys, BEGINNING)
    if beginnings is None:
        return None
    headers, longer = _unpack_headers(beginnings)
    if longer:
        more = await tiers.shared.read_beginnings(list(longer), max(longer.values()))
        if more is None:
            return None
        headers |= _unpack_headers(more)[0]
    return {key: (header, beginnings[key][1]) for key, header in headers.items()}


def _unpack_headers(beginnings: Mapping[str, tuple[bytes, int]]) -> tuple[dict[str, Header], dict[str, int]]:
    """The headers by key; and by the keys of the others, where their headers end."""
    headers, longer = dict[str, Header](), dict[str, int]()
    for key, (beginning, _) in beginnings.items():
        try:
            end = header_end(beginning)
            if end > len(beginning):
                longer[key] = end
            else:
                headers[key] = unpack_header(beginning)
        except Unreadable:
            continue
    return headers, longer
