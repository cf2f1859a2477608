"""SQLite's online backup: a consistent copy while others write."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from project.backups.manifest import BadBackup

# Pages of one step, and seconds between two: writers get the lock in between.
PAGES, PAUSE = 2000, 0.005


def copy_database(source: Path, target: Path) -> None:
    """One file without a write-ahead log, mode 0600. Raises BadBackup."""
    if not source.is_file():
        raise BadBackup(f"The database {source} does not exist.")
    os.close(os.open(target, os.O_CREAT | os.O_EXCL, 0o600))
    try:
        # mode=rw, for a copy of a database in WAL needs its shared memory; nothing is written to it.
        with open_database(source, "rw") as reader, open_database(target, "rw") as writer:
            reader.backup(writer, pages=PAGES, sleep=PAUSE)
            writer.execute("PRAGMA journal_mode=DELETE")
        check_integrity(target)
    except sqlite3.Error as error:
        raise BadBackup(f"The database {source} could not be copied: {error}.") from error


def check_integrity(path: Path) -> None:
    """Raises BadBackup."""
    try:
        with open_database(path, "ro") as connection:
            (result,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        raise BadBackup(f"{path.name} is no intact database of SQLite: {error}.") from error
    if result != "ok":
        raise BadBackup(f"{path.name} is damaged: {result}.")


@contextmanager
def open_database(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    """It is closed at the end; sqlite3's own context manager leaves it open."""
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True, timeout=20)
    try:
        yield connection
    finally:
        connection.close()
