"""What was worked out before, for what came in the same bytes."""

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

from content.caching.edge.rules.fields import Field

V = TypeVar("V")

MOST = 4096
MOST_BYTES = 32 * 1024 * 1024
# What Python takes for a field beside its bytes: of many short ones that is most of it.
FIELD = 400


class Known(Generic[V]):
    """`most` at most, of about `most_bytes` together, in two generations: when the young are half of that, they are
    the old, and the old are forgotten, but for those that were asked for meanwhile."""

    def __init__(self, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self.generation = most // 2
        self.heaviest = most_bytes // 2
        self.young: dict[Hashable, V] = {}
        self.old: dict[Hashable, V] = {}
        # Of all the young; of one of the old, on average.
        self.weight = self.old_weight = 0

    def get(self, key: Hashable) -> V | None:
        found = self.young.get(key)
        if found is None and (found := self.old.get(key)) is not None:
            self.learn(key, found, self.old_weight)
        return found

    def learn(self, key: Hashable, value: V, weight: int) -> V:
        """`weight`: bytes of key and value, roughly."""
        if len(self.young) >= self.generation or self.weight >= self.heaviest:
            self.old_weight = self.weight // len(self.young)
            self.old, self.young, self.weight = self.young, {}, 0
        self.young[key] = value
        self.weight += weight
        return value

    def __len__(self) -> int:
        return len(self.young) + len(self.old)


def weight_of(pairs: Iterable[Field]) -> int:
    return sum(len(name) + len(value) + FIELD for name, value in pairs)
