"""What was worked out before, for what came in the same bytes."""

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

from content.caching.edge.rules.fields import Field

V = TypeVar("V")

_MOST_ENTRIES = 4096
_MOST_BYTES = 32 * 1024 * 1024
# What Python takes for a field beside its bytes: of many short ones that is most of it.
FIELD_OVERHEAD = 400


class RequestCache(Generic[V]):
    """`most` at most, of about `most_bytes` together, in two generations: when the young are half of that, they are
    the old, and the old are forgotten, but for those that were asked for meanwhile."""

    def __init__(self, most: int = _MOST_ENTRIES, most_bytes: int = _MOST_BYTES) -> None:
        self._generation = most // 2
        self._heaviest = most_bytes // 2
        self._young: dict[Hashable, V] = {}
        self._old: dict[Hashable, V] = {}
        # Of all the young; of one of the old, on average.
        self.weight = self._old_weight = 0

    def get(self, key: Hashable) -> V | None:
        value = self._young.get(key)
        if value is None and (value := self._old.get(key)) is not None:
            self.add(key, value, self._old_weight)
        return value

    def add(self, key: Hashable, value: V, weight: int) -> V:
        """`weight`: bytes of key and value, roughly."""
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
