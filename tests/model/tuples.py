"""Change one item of a tuple."""

from collections.abc import Hashable, Iterable
from typing import TypeVar

Item = TypeVar("Item")
State = TypeVar("State")
# The possible next steps: a sentence, and the state after it.
Steps = Iterable[tuple[str, State]]


def put(items: tuple[Item, ...], number: int, item: Item) -> tuple[Item, ...]:
    return (*items[:number], item, *items[number + 1 :])


def in_any_order(items: Iterable[Hashable]) -> tuple[int, ...]:
    return tuple(sorted(map(hash, items)))
