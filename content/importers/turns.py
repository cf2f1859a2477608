"""Imports take turns: each compares with what is stored, and two at once would write the same posts twice."""

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


class NoTurn(RuntimeError):
    """The import cannot begin; the message is one line for the person who imports."""


@contextmanager
def import_turn(wait: float, waiting: Callable[[str], object] = lambda line: None) -> Iterator[None]:
    """Waits at most `wait` seconds for another import of the same database; `waiting` gets one line if it must.

    PostgreSQL holds the lock, for all machines; for SQLite it is a file beside the database. The lock ends with its
    process. Raises NoTurn.
    """
    with lock() as attempt:
        until = time.monotonic() + wait
        is_told = False
        while not attempt():
            if time.monotonic() >= until:
                raise NoTurn(
                    f"Another import was running for {wait:.0f} s. Nothing was imported: run this one again later, "
                    "or give it a longer --wait."
                )
            if not is_told:
                waiting(f"Another import is running; this one waits up to {wait:.0f} s for it.")
                is_told = True
            time.sleep(RETRY_SECONDS)
        yield


@contextmanager
def lock() -> Iterator[Callable[[], bool]]:
    """A function that tries to take the lock, which is released at the end."""
    if connection.vendor == "postgresql":
        try:
            yield lambda: asked("pg_try_advisory_lock")
        finally:
            with suppress(DatabaseError):  # a connection that is gone took its lock with it
                asked("pg_advisory_unlock")
        return
    name = str(connection.settings_dict["NAME"])
    if connection.vendor != "sqlite" or name == ":memory:" or "mode=memory" in name:
        yield lambda: True  # no other process can see that database
        return
    path = Path(name).with_name(f"{Path(name).name}.import-lock")
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise NoTurn(f"Cannot write {path}: {error.strerror}. Nothing was imported.") from error
    try:
        yield lambda: is_locked(descriptor)
    finally:
        os.close(descriptor)


def asked(function: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [LOCK_NUMBER])
        return bool(cursor.fetchone()[0])


def is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
