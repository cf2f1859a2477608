"""Rows that count their writes: a value tells how old it is."""

from collections.abc import Callable
from typing import TypeVar

from asgiref.sync import sync_to_async
from django.db import connection, transaction

T = TypeVar("T")

TABLE = "race_register"
# No row is ever written so often: a higher value was never committed.
UNCOMMITTED = 1_000_000


def create(rows: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {TABLE}")
        cursor.execute(f"CREATE TABLE {TABLE} (id INTEGER PRIMARY KEY, value INTEGER NOT NULL)")
        cursor.executemany(f"INSERT INTO {TABLE} VALUES (%s, 0)", [(row,) for row in range(rows)])


def value_of(row: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT value FROM {TABLE} WHERE id = %s", [row])
        return int(cursor.fetchone()[0])


def values_of(rows: list[int]) -> dict[int, int]:
    places = ", ".join(["%s"] * len(rows))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, value FROM {TABLE} WHERE id IN ({places})", rows)
        return dict(cursor.fetchall())


def write_rows(*rows: int) -> dict[int, int]:
    """Commit an increment of each row; the new values."""
    with transaction.atomic():
        # In order, so that two writers do not wait for each other.
        return {row: increment(row, 1) for row in sorted(rows)}


def increment(row: int, by: int) -> int:
    """Once more if another writer made the row again at that moment: PostgreSQL does not find it then."""
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {TABLE} SET value = value + {by} WHERE id = %s", [row])
        while not cursor.rowcount:
            cursor.execute(f"UPDATE {TABLE} SET value = value + {by} WHERE id = %s", [row])
    return value_of(row)


def write_and_roll_back(row: int, read: Callable[[int], T]) -> tuple[int, T]:
    """The written value, and the value that the same transaction read then, before it is rolled back."""
    with transaction.atomic():
        wrote = increment(row, UNCOMMITTED)
        saw = read(row)
        transaction.set_rollback(True)
    return wrote, saw


aread = sync_to_async(value_of)
aread_many = sync_to_async(values_of)
awrite = sync_to_async(write_rows, thread_sensitive=False)
