"""A lock for imports: two imports at once would write the same posts twice."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.db import DatabaseError, connection

# Any number that nothing else in this database takes as an advisory lock.
LOCK_NUMBER = 0x65766772_696D70
RETRY_SECONDS = 0.2


class ImportLocked(RuntimeError):
    """The import cannot begin; the message is one line for the person who imports."""


@contextmanager
def import_lock(wait: float, on_wait: Callable[[str], object] = lambda line: None) -> Iterator[None]:
    """Hold the lock of this database, after at most `wait` seconds; `on_wait` gets one line if it must wait.

    PostgreSQL holds the lock for all machines; for SQLite it is a file beside the database. The lock ends with its
    process. Raises ImportLocked.
    """
    with open_lock() as try_lock:
        until = time.monotonic() + wait
        has_waited = False
        while not try_lock():
            if time.monotonic() >= until:
                raise ImportLocked(
                    f"Another import was running for {wait:.0f} s. Nothing was imported: run this one again later, "
                    "or give it a longer --wait."
                )
            if not has_waited:
                on_wait(f"Another import is running; this one waits up to {wait:.0f} s for it.")
                has_waited = True
            time.sleep(RETRY_SECONDS)
        yield


@contextmanager
def open_lock() -> Iterator[Callable[[], bool]]:
    """A function that tries to take the lock. The end of the context releases it."""
    if connection.vendor == "postgresql":
        try:
            yield lambda: call_postgres("pg_try_advisory_lock")
        finally:
            with suppress(DatabaseError):  # a lost connection has released the lock
                call_postgres("pg_advisory_unlock")
        return
    name = str(connection.settings_dict["NAME"])
    if connection.vendor != "sqlite" or name == ":memory:" or "mode=memory" in name:
        yield lambda: True  # no other process can see that database
        return
    path = Path(name).with_name(f"{Path(name).name}.import-lock")
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ImportLocked(f"Cannot write {path}: {error.strerror}. Nothing was imported.") from error
    try:
        yield lambda: try_flock(descriptor)
    finally:
        os.close(descriptor)


def call_postgres(function: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [LOCK_NUMBER])
        return bool(cursor.fetchone()[0])


def try_flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
