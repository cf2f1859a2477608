"""The layout of a table of counters: families, each with a counter for every combination of its labels."""

import math
from collections.abc import Iterator, Sequence
from itertools import product

import msgspec

# Bytes of one counter: an unsigned integer of 64 bits.
BYTES = 8
# Bounds of layouts that are read from files.
MOST_COUNTERS, MOST_FAMILIES, MOST_AXES, LONGEST_LABEL = 100_000, 16, 4, 64

# The name of a family, then a label for each of its axes.
CounterName = tuple[str, ...]


class Family(msgspec.Struct, frozen=True):
    """Counters of one kind. `axes`: the labels of each dimension, the last one varying fastest."""

    name: str
    axes: tuple[tuple[str, ...], ...]

    @property
    def size(self) -> int:
        return math.prod(len(axis) for axis in self.axes)

    def nonzero(self, counters: Sequence[int]) -> Iterator[tuple[CounterName, int]]:
        """Each counter that has counted, with its name. Most rows of a table are empty, and are skipped at once."""
        *outer, inner = self.axes
        for row, labels in enumerate(product(*outer)):
            amounts = counters[row * len(inner) : (row + 1) * len(inner)]
            if any(amounts):
                for label, amount in zip(inner, amounts, strict=True):
                    if amount:
                        yield (self.name, *labels, label), amount

    def is_valid(self) -> bool:
        texts = (self.name, *(label for axis in self.axes for label in axis))
        return 0 < len(self.axes) <= MOST_AXES and all(len(text) <= LONGEST_LABEL for text in texts)


class Layout(msgspec.Struct, frozen=True):
    """Families one after the other."""

    families: tuple[Family, ...]

    @property
    def size(self) -> int:
        return sum(family.size for family in self.families)

    def offset_of(self, name: str) -> int:
        """The place of the first counter of a family. Raises KeyError."""
        offset = 0
        for family in self.families:
            if family.name == name:
                return offset
            offset += family.size
        raise KeyError(name)

    def is_valid(self) -> bool:
        """Whether a layout from a file keeps the bounds."""
        return (
            len(self.families) <= MOST_FAMILIES
            and all(family.is_valid() for family in self.families)
            and 0 < self.size <= MOST_COUNTERS
        )

    def nonzero(self, counters: Sequence[int]) -> Iterator[tuple[CounterName, int]]:
        """Each counter that has counted, with its name."""
        offset = 0
        for family in self.families:
            yield from family.nonzero(counters[offset : offset + family.size])
            offset += family.size
