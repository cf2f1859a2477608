"""The last positions of many tags in few bytes: what leaves the maps of a tag index, and what the log's base holds.

A tag is known by 64 bits of its SHA-1. Two tags with the same bits invalidate too much, never too little. Items of 16
bytes (hash, then position) stand in parts by their hash, the oldest first, so the last match is the newest. Redis
keeps the base in the same form: a process that joins takes it over as it is (lua/log.lua).
"""

from collections.abc import Sequence
from hashlib import sha1

from ..entry import NOWHERE, Position

PARTS = 1024
ITEM = 16
# Bytes of a part below which it is not compacted.
SMALL = 4096
# Milliseconds and sequence of a position have 6 and 2 bytes.
_LARGEST_TIME, _LARGEST_SEQUENCE = 2**48 - 1, 2**16 - 1


class FoldedTags:
    """`newest`: no item has a later position. `size`: bytes of all items."""

    def __init__(self) -> None:
        self.newest = NOWHERE
        self.size = 0
        self._parts = [bytearray() for _ in range(PARTS)]
        # Sizes at which parts are compacted.
        self._limits = [2 * SMALL] * PARTS

    def add(self, kind: str, tag: str, position: Position) -> None:
        """Of a tag that was added before, this position is the later one."""
        digest = _hash(kind, tag)
        number = _part(digest)
        self.newest = max(self.newest, position)
        self._parts[number] += digest + _pack(position)
        self.size += ITEM
        if len(self._parts[number]) > self._limits[number]:
            self._compact(number)

    def last(self, kind: str, tag: str) -> Position:
        """The last position of that tag, NOWHERE if it has none."""
        digest = _hash(kind, tag)
        part = self._parts[_part(digest)]
        last, at = -1, part.find(digest)
        while at >= 0:
            if at % ITEM == 0:
                last = at
            # Forwards, although the last one is wanted: Python searches backwards many times slower.
            at = part.find(digest, at + 1)
        return _unpack(bytes(part[last + 8 : last + ITEM])) if last >= 0 else NOWHERE

    def put_below(self, first: int, parts: Sequence[bytes], newest: Position) -> None:
        """Items older than those that are here. `first`: the number of the first part."""
        self.newest = max(self.newest, newest)
        for number, older in enumerate(parts, first):
            self._parts[number] = bytearray(older) + self._parts[number]
            self.size += len(older)
            self._limits[number] = max(self._limits[number], 2 * len(self._parts[number]))

    def _compact(self, number: int) -> None:
        """Keep the last item of each tag."""
        part = bytes(self._parts[number])
        last = {part[at : at + 8]: part[at : at + ITEM] for at in range(0, len(part), ITEM)}
        newest_first = sorted(last.values(), key=lambda item: item[8:])
        self._parts[number] = bytearray(b"".join(newest_first))
        self.size += len(self._parts[number]) - len(part)
        self._limits[number] = 2 * max(SMALL, len(self._parts[number]))


def _hash(kind: str, tag: str) -> bytes:
    return sha1(f"{kind}{tag}".encode(errors="surrogatepass"), usedforsecurity=False).digest()[:8]


def _part(digest: bytes) -> int:
    return int.from_bytes(digest[:4], "big") % PARTS


def _pack(position: Position) -> bytes:
    """A sequence that does not fit counts as the next millisecond: it invalidates too much, never too little."""
    time, sequence = position
    if sequence > _LARGEST_SEQUENCE:
        time, sequence = time + 1, 0
    return min(time, _LARGEST_TIME).to_bytes(6, "big") + sequence.to_bytes(2, "big")


def _unpack(item: bytes) -> Position:
    return int.from_bytes(item[:6], "big"), int.from_bytes(item[6:], "big")
