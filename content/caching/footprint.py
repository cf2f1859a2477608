"""How many bytes of memory an entry takes: its value as Python objects, its header and its tags.

Encoded bytes alone are no measure: 200 numbers take 0.6 kB encoded and 8 kB as a tuple.
"""

from collections.abc import Sequence
from sys import getsizeof
from typing import Any

import msgspec

# Bytes that the allocator adds to an object, on average.
_ROUNDING = 8
# Bytes of a header and what holds it, without tags; and of a tag besides its characters.
_HEADER = 380
_TAG = 64
# Items of a long collection that are measured; the others are taken to be like these.
_SAMPLE = 8
# Objects that are measured in one value. Past it, each further one counts as small.
_MOST_OBJECTS, _SMALL = 400, 64
# The commonest types of objects that refer to no others.
_LEAVES = frozenset({str, int, float, bool, bytes, type(None)})

# Each owner's first values are all measured, later ones one in so many: a prime, lest it fall in step with the reads.
_FIRST, _ONE_IN = 16, 17

# Objects, and how many objects each of them stands for.
_Group = tuple[Sequence[Any], float]


def header_size(tags: Sequence[str]) -> int:
    return _HEADER + sum(map(len, tags), _TAG * len(tags))


def object_size(value: Any) -> int:
    """About the bytes of a value and all that it refers to. Objects that it refers to twice count twice."""
    size, left = 0.0, _MOST_OBJECTS
    groups: list[_Group] = [([value], 1.0)]
    while groups:
        objects, weight = groups.pop()
        left -= len(objects)
        if left < 0:
            size += weight * len(objects) * _SMALL
            continue
        size += weight * (sum(map(getsizeof, objects)) + _ROUNDING * len(objects))
        for each in objects:
            if type(each) not in _LEAVES and (items := _items(each)):
                groups.append(_sample(items, weight))
    return int(size)


class SizeEstimates:
    """Sizes of values in memory, in bytes, estimated from their encoded sizes.

    To measure a value costs more than to read it from Redis. An owner's values are of one type, so some of them are
    measured, and their mean size per encoded byte gives the sizes of the others.
    """

    def __init__(self) -> None:
        self._by_owner: dict[str, _Measured] = {}

    def size_of(self, owner: str, value: Any, encoded_size: int) -> int:
        """Measure or estimate a value. `encoded_size`: bytes of the encoded value; 0 if unknown, then measure it."""
        if not encoded_size or type(value) is bytes:
            return object_size(value)
        measured = self._by_owner.get(owner)
        if measured is None:
            measured = self._by_owner[owner] = _Measured()
        measured.count += 1
        if measured.count > _FIRST and measured.count % _ONE_IN:
            return int(encoded_size * measured.ratio)
        size = object_size(value)
        measured.add(size, encoded_size)
        return size


class _Measured:
    """The measured values of one owner. Another thread's count may be lost, which changes little."""

    __slots__ = ("count", "encoded", "ratio", "size")

    def __init__(self) -> None:
        self.count = self.size = self.encoded = 0
        self.ratio = 1.0

    def add(self, size: int, encoded_size: int) -> None:
        self.size += size
        self.encoded += encoded_size
        self.ratio = self.size / self.encoded


def _sample(items: Sequence[Any], weight: float) -> _Group:
    if len(items) <= 2 * _SAMPLE:
        return items, weight
    sample = items[:: len(items) // _SAMPLE]
    return sample, weight * len(items) / len(sample)


def _items(value: Any) -> Sequence[Any]:
    """The objects that a value refers to."""
    if isinstance(value, tuple | list):
        return value
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.astuple(value)
    if isinstance(value, dict):
        return [*value, *value.values()]
    return list(value) if isinstance(value, set | frozenset) else ()
