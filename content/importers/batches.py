"""Rows are written in batches; if the database refuses a batch, each row is written alone."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from django.db import DatabaseError, OperationalError, transaction

Item = TypeVar("Item")
Result = TypeVar("Result")


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def write_batch(
    batch: Sequence[Item], write: Callable[[Sequence[Item]], Result], refuse: Callable[[Item, str], None]
) -> list[Result]:
    """The results of `write`, which runs in a transaction; `refuse` gets each item that the database refuses.

    Raises OperationalError: the database itself fails, and not the item.
    """
    try:
        with transaction.atomic():
            return [write(batch)]
    except OperationalError:
        raise
    except (DatabaseError, ValueError, OverflowError) as error:
        if len(batch) == 1:
            refuse(batch[0], f"The database refused it: {error}")
            return []
        return [result for item in batch for result in write_batch([item], write, refuse)]
