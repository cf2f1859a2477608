import fcntl
import os
from pathlib import Path
from typing import IO

from project.supervisor.errors import CannotStart


def lock_state_folder(folder: Path) -> IO[str]:
    """Held until the file is closed or the process ends: two services on one state folder would be one too many."""
    file = (folder / "up.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        raise CannotStart(f"Another `manage.py up` (process {file.read().strip()}) uses {folder}.") from error
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
