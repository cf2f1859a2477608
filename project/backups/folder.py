"""The folder of backups: their names, the lock, and which are removed."""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from project.backups.manifest import NAME, BadBackup

BACKUP = re.compile(r"evergreen-\d{8}T\d{6}Z")
PARTIAL = ".partial-"


def find_backups(folder: Path) -> list[Path]:
    """Finished ones, the oldest first."""
    try:
        return sorted(each for each in folder.iterdir() if BACKUP.fullmatch(each.name) and (each / NAME).is_file())
    except OSError:
        return []


def name_of(at: datetime) -> str:
    return f"evergreen-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


@contextmanager
def new_backup(folder: Path, at: datetime) -> Iterator[Path]:
    """A folder to fill. It gets its name when the block ends without an error, and is removed otherwise."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with private_files(), lock_folder(folder):
        # No other process fills one while we hold the lock: these were left by a crash.
        for old in folder.glob(f"{PARTIAL}*"):
            shutil.rmtree(old)
        target = folder / name_of(at)
        if target.exists():
            raise BadBackup(f"{target} exists already.")
        partial = folder / f"{PARTIAL}{target.name}"
        partial.mkdir(mode=0o700)
        try:
            yield partial
            partial.rename(target)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


@contextmanager
def private_files() -> Iterator[None]:
    """Only this user can read the files that this process and its children create in the block."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Raises BadBackup while another process makes a backup there."""
    with (folder / ".lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BadBackup(f"Another process makes a backup in {folder} now.") from error
        yield


def remove_old(folder: Path, keep: int) -> list[Path]:
    """All finished backups but the newest `keep`. Returns those that were removed."""
    old = find_backups(folder)[:-keep]
    for each in old:
        shutil.rmtree(each)
    return old
