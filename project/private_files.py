"""Files with drafts, addresses and password hashes get mode 0600."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings

# A database of SQLite and its other files.
SUFFIXES = ("", "-wal", "-shm", "-journal")
OTHERS = 0o077


def make_private(files: Iterable[Path]) -> None:
    """Remove the rights of group and others from each existing file of this user."""
    for file in files:
        try:
            status = file.lstat()
            if stat.S_ISREG(status.st_mode) and status.st_mode & OTHERS and status.st_uid == os.geteuid():
                file.chmod(stat.S_IMODE(status.st_mode) & ~OTHERS)
        except OSError:
            # It was deleted meanwhile, or its file system has no modes.
            continue


def make_database_private(connection: Any, **signal: Any) -> None:
    """Receiver of connection_created: SQLite creates files by the umask. Only those in the state folder change."""
    if connection.vendor != "sqlite":
        return
    name = Path(str(connection.settings_dict["NAME"]))
    if name.is_absolute() and name.is_relative_to(settings.STATE_DIR):
        make_private(name.with_name(name.name + suffix) for suffix in SUFFIXES)
