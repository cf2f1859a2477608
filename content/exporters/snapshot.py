from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

NO_LATER_WRITES = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


@contextmanager
def snapshot() -> Iterator[None]:
    """Every query within sees the database as it was at one moment, and no writer waits for it.

    Django's own transactions take SQLite's write lock when they begin (project/settings.py), so this one is
    begun by hand. Within a transaction of the caller's, that one counts.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
    else:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(NO_LATER_WRITES)
            yield
