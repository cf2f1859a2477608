"""Rows that count their writes: a value that is read is as old as its number says."""

from asgiref.sync import sync_to_async
from django.db import connection, transaction

TABLE = "race_register"


def create(rows: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {TABLE} (id INTEGER PRIMARY KEY, value INTEGER NOT NULL)")
        cursor.executemany(f"INSERT INTO {TABLE} VALUES (%s, 0)", [(row,) for row in range(rows)])


def value_of(row: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT value FROM {TABLE} WHERE id = %s", [row])
        return cursor.fetchone()[0]


def values_of(rows: list[int]) -> dict[int, int]:
    places = ", ".join(["%s"] * len(rows))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, value FROM {TABLE} WHERE id IN ({places})", rows)
        return dict(cursor.fetchall())


def written(row: int) -> int:
    """The new value, committed when this returns."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {TABLE} SET value = value + 1 WHERE id = %s", [row])
        cursor.execute(f"SELECT value FROM {TABLE} WHERE id = %s", [row])
        return cursor.fetchone()[0]


aread = sync_to_async(value_of)
aread_many = sync_to_async(values_of)
awrite = sync_to_async(written, thread_sensitive=False)
