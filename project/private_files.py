"""Files that hold drafts, addresses and password hashes are their owner's alone: mode 0600."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings

# SQLite's files beside a database.
BESIDE = ("", "-wal", "-shm", "-journal")
OTHERS = 0o077


def make_private(files: Iterable[Path]) -> None:
    """Take from group and others what they may do with each file that is there and ours."""
    for file in files:
        try:
            found = file.lstat()
            if stat.S_ISREG(found.st_mode) and found.st_mode & OTHERS and found.st_uid == os.geteuid():
                file.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)
        except OSError:
            # It is gone by now, or on a file system without modes.
            continue


def make_database_private(connection: Any, **signal: Any) -> None:
    """For Django's connection_created: SQLite makes its files as the umask says. Only those in the state folder."""
    if connection.vendor != "sqlite":
        return
    name = Path(str(connection.settings_dict["NAME"]))
    if name.is_absolute() and name.is_relative_to(settings.STATE_DIR):
        make_private(name.with_name(name.name + end) for end in BESIDE)
