"""The last positions of many tags in few bytes: tags that left the maps of a tag index, and the log's base.

A tag is known by 64 bits of its SHA-1. Two tags with the same bits invalidate too much, never too little. Items of 16
bytes (hash, then position) stand in parts by their hash, the oldest first, so the last match is the newest. Redis
keeps the base in the same form: a process that joins takes it over as it is (lua/log.lua).
"""

from collections.abc import Iterable, Sequence
from hashlib import sha1

from ..entry import NOWHERE, Position
from ..key import WEAK

# Kinds of last positions.
INVALIDATED, EXPIRED = "i", "e"
PARTS = 1024
ITEM = 16
# Bytes of a part below which it is not compacted.
SMALL = 4096
# Tags whose last positions are remembered, because they were looked up.
MAX_REMEMBERED = 10_000
# Milliseconds and sequence of a position have 6 and 2 bytes.
_LARGEST_TIME, _LARGEST_SEQUENCE = 2**48 - 1, 2**16 - 1


class FoldedTags:
    """`newest`: no item has a later position. `size`: bytes of all items.

    One thread adds items, others may look tags up meanwhile.
    """

    def __init__(self) -> None:
        self.newest = NOWHERE
        self.size = 0
        self._base: Sequence[bytes] = [b""] * PARTS
        self._parts = [bytearray() for _ in range(PARTS)]
        # Sizes at which parts are compacted.
        self._limits = [2 * SMALL] * PARTS
        # For each tag, the number of additions before it was looked up, then its last position of each kind. A lookup
        # from before the last addition is out of date.
        self.remembered: dict[str, tuple[int, Position, Position]] = {}
        self.additions = 0

    def add(self, kind: str, items: Iterable[tuple[str, Position]]) -> None:
        """Tags and positions, the oldest first, and none older than the last that was added of its tag."""
        parts, prefix, packed, last = self._parts, kind.encode(), b"", None
        for tag, position in items:
            if position != last:
                packed, last = _pack(position), position
                self.newest = max(self.newest, position)
            digest = _hash(prefix, tag)
            number = _part(digest)
            parts[number] += digest + packed
            self.size += ITEM
            if len(parts[number]) > self._limits[number]:
                self._compact(number)
        self.additions += 1

    def look_up(self, tag: str) -> tuple[int, Position, Position]:
        """Like `remembered`. A weak tag is expired by each record of the tag that it stands for."""
        # Read before the items, which another thread adds before it counts the addition.
        additions = self.additions
        expired = self.last(EXPIRED, tag)
        if tag.startswith(WEAK):
            expired = max(expired, *(self.last(kind, tag[1:]) for kind in (INVALIDATED, EXPIRED)))
        found = additions, self.last(INVALIDATED, tag), expired
        if len(self.remembered) >= MAX_REMEMBERED:
            self.remembered = {}
        self.remembered[tag] = found
        return found

    def last(self, kind: str, tag: str) -> Position:
        """The last position of that tag, NOWHERE if it has none."""
        digest = _hash(kind.encode(), tag)
        number = _part(digest)
        found = _find(self._parts[number], digest)
        return found if found is not None else _find(self._base[number], digest) or NOWHERE

    def adopt_base(self, parts: Sequence[bytes], newest: Position) -> None:
        """Parts from Redis, as they are: their items are older than those that are added here."""
        self.newest = max(self.newest, newest)
        self._base = parts
        self.additions += 1
        self.size += sum(map(len, parts))

    def _compact(self, number: int) -> None:
        """Keep the last item of each tag."""
        part = bytes(self._parts[number])
        last = {part[at : at + 8]: part[at : at + ITEM] for at in range(0, len(part), ITEM)}
        newest_first = sorted(last.values(), key=lambda item: item[8:])
        self._parts[number] = bytearray(b"".join(newest_first))
        self.size += len(self._parts[number]) - len(part)
        self._limits[number] = 2 * max(SMALL, len(self._parts[number]))


def _find(part: bytes | bytearray, digest: bytes) -> Position | None:
    """The position of the last item with that hash."""
    last, at = -1, part.find(digest)
    while at >= 0:
        if at % ITEM == 0:
            last = at
        # Forwards, although the last one is wanted: Python searches backwards many times slower.
        at = part.find(digest, at + 1)
    return _unpack(bytes(part[last + 8 : last + ITEM])) if last >= 0 else None


def _hash(kind: bytes, tag: str) -> bytes:
    return sha1(kind + tag.encode(errors="surrogatepass"), usedforsecurity=False).digest()[:8]


def _part(digest: bytes) -> int:
    """The first four bytes, a big-endian number, modulo PARTS."""
    return (digest[2] & 3) << 8 | digest[3]


def _pack(position: Position) -> bytes:
    """A sequence that does not fit counts as the next millisecond: it invalidates too much, never too little."""
    time, sequence = position
    if sequence > _LARGEST_SEQUENCE:
        time, sequence = time + 1, 0
    return min(time, _LARGEST_TIME).to_bytes(6, "big") + sequence.to_bytes(2, "big")


def _unpack(item: bytes) -> Position:
    return int.from_bytes(item[:6], "big"), int.from_bytes(item[6:], "big")
