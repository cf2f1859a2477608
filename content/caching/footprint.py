"""How many bytes of memory an entry takes: its value as Python objects, its header and its tags.

Encoded bytes are no measure: 200 numbers take 0.6 kB encoded and 8 kB as a tuple.
"""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

# Bytes that the allocator adds to an object, on average.
_ROUNDING = 8
# Bytes of a header and what holds it, without tags; and of a tag besides its characters.
_HEADER = 380
_TAG = 64
# Items of a long sequence that are measured; the others are taken to be like these.
_SAMPLE = 8
# Objects that are measured in one value. Past it, each further one counts as small.
_MOST_OBJECTS, _SMALL = 400, 64
# Types of which all values are shared, or few.
_SHARED = (bool, type(None))


def header_size(tags: Iterable[str]) -> int:
    return _HEADER + sum(_TAG + len(tag) for tag in tags)


def object_size(value: Any) -> int:
    """About the bytes of a value and all that it refers to. Objects that it refers to twice count twice."""
    return _Measure().size(value)


class _Measure:
    def __init__(self) -> None:
        self._left = _MOST_OBJECTS

    def size(self, value: Any) -> int:
        self._left -= 1
        if isinstance(value, _SHARED):
            return 0
        if self._left < 0:
            return _SMALL
        own = sys.getsizeof(value) + _ROUNDING
        if isinstance(value, msgspec.Struct):
            return own + sum(self.size(getattr(value, name)) for name in value.__struct_fields__)
        if isinstance(value, tuple | list):
            return own + self._items_size(value)
        if isinstance(value, dict):
            return own + self._items_size(list(value.keys())) + self._items_size(list(value.values()))
        if isinstance(value, set | frozenset):
            return own + self._items_size(list(value))
        return own

    def _items_size(self, items: Sequence[Any]) -> int:
        if len(items) <= 2 * _SAMPLE:
            return sum(map(self.size, items))
        step = len(items) // _SAMPLE
        sample = items[::step]
        return sum(map(self.size, sample)) * len(items) // len(sample)
