"""A bounded cache of what requests have in common: parsed header sections, keys and whole requests."""

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

from .rules.fields import Field

V = TypeVar("V")

_MOST_ENTRIES = 4096
_MOST_BYTES = 8 * 1024 * 1024
# Bytes that Python uses for one field besides its content. With short fields this is most of the size.
FIELD_OVERHEAD = 400


class RequestCache(Generic[V]):
    """A bounded cache in two generations: `most` entries, about `most_bytes` bytes.

    When the young generation reaches half the bound, it becomes the old one, and the previous old one is dropped. An
    old entry that is read becomes young again.
    """

    def __init__(self, most: int = _MOST_ENTRIES, most_bytes: int = _MOST_BYTES) -> None:
        self._generation = most // 2
        self._heaviest = most_bytes // 2
        self._young: dict[Hashable, V] = {}
        self._old: dict[Hashable, V] = {}
        # Bytes of all young entries, and average bytes of an old entry.
        self.weight = self._old_weight = 0

    def get(self, key: Hashable) -> V | None:
        value = self._young.get(key)
        if value is None and (value := self._old.get(key)) is not None:
            self.add(key, value, self._old_weight)
        return value

    def add(self, key: Hashable, value: V, weight: int) -> V:
        """Add an entry. `weight`: approximate bytes of key and value."""
        if len(self._young) >= self._generation or self.weight >= self._heaviest:
            self._old_weight = self.weight // len(self._young)
            self._old, self._young, self.weight = self._young, {}, 0
        self._young[key] = value
        self.weight += weight
        return value

    def __len__(self) -> int:
        return len(self._young) + len(self._old)


def weight_of(pairs: Iterable[Field]) -> int:
    return sum(len(name) + len(value) + FIELD_OVERHEAD for name, value in pairs)
