"""Writing in transactions: many rows at once, and one by one where the database refuses one of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from django.db import DatabaseError, OperationalError, transaction

from content.importers.report import Counts

Item = TypeVar("Item")


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    waiting = iter(items)
    while batch := list(islice(waiting, size)):
        yield batch


def write_batch(
    batch: Sequence[Item], write: Callable[[Sequence[Item]], Counts], refused: Callable[[Item, str], None]
) -> Counts:
    """What was committed. Raises OperationalError: then it is the database that is ill, not the row."""
    try:
        with transaction.atomic():
            return write(batch)
    except OperationalError:
        raise
    except (DatabaseError, ValueError, OverflowError) as error:
        if len(batch) == 1:
            refused(batch[0], f"The database refused it: {error}")
            return Counts()
        return sum((write_batch([item], write, refused) for item in batch), Counts())
