"""What was worked out before, for what came in the same bytes."""

from collections.abc import Hashable
from typing import Generic, TypeVar

V = TypeVar("V")

MOST = 4096


class Known(Generic[V]):
    """MOST at most, in two generations: when the young are half of that, they are the old, and the old are forgotten,
    but for those that were asked for meanwhile."""

    def __init__(self, most: int = MOST) -> None:
        self.generation = most // 2
        self.young: dict[Hashable, V] = {}
        self.old: dict[Hashable, V] = {}

    def get(self, key: Hashable) -> V | None:
        found = self.young.get(key)
        if found is None and (found := self.old.get(key)) is not None:
            self.learn(key, found)
        return found

    def learn(self, key: Hashable, value: V) -> V:
        if len(self.young) >= self.generation:
            self.old, self.young = self.young, {}
        self.young[key] = value
        return value

    def __len__(self) -> int:
        return len(self.young) + len(self.old)
