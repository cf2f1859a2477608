"""Statements of SQLite that return rows: the transaction ends when the last row is fetched."""

from collections.abc import Iterator
from itertools import islice
from typing import Any


class FetchedCursor:
    """A cursor whose rows are fetched already, so that its statement is committed."""

    def __init__(self, cursor: Any) -> None:
        self.cursor = cursor
        self._rows: Iterator[Any] = iter(cursor.fetchall())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cursor, name)

    def __iter__(self) -> Iterator[Any]:
        return self._rows

    def fetchone(self) -> Any:
        return next(self._rows, None)

    def fetchmany(self, size: int = 1) -> list[Any]:
        return list(islice(self._rows, size))

    def fetchall(self) -> list[Any]:
        return list(self._rows)


def fetch_rows(wrapper: Any) -> FetchedCursor:
    """Fetch the rows of a Django cursor's statement, and let it answer with them."""
    fetched = wrapper.cursor = FetchedCursor(wrapper.cursor)
    return fetched


def restore_cursor(wrapper: Any) -> None:
    """Called before the next statement of that cursor."""
    if isinstance(wrapper.cursor, FetchedCursor):
        wrapper.cursor = wrapper.cursor.cursor
