"""`manage.py`: Django's command line, with one line instead of a traceback for errors that an operator can fix."""

import errno
import re
import sys
from contextlib import nullcontext

from django.conf import settings
from django.core.management import execute_from_command_line
from django.db.utils import DatabaseError, InterfaceError, OperationalError
from redis.exceptions import RedisError

from content.caching.read_counts import reads
from project.traces import trace_command
from project.wrong_settings import WrongSettings

# Errors of files and folders. Other errors are bugs, and keep their traceback.
FIXABLE = (
    errno.EACCES,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EMFILE,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
)

COMMAND_NAME = re.compile(r"[a-z_]{1,50}")
# Commands whose processes have readers. Reads of other commands are not counted as heat.
SERVING = frozenset({"serve", "up", "runserver"})


def main(arguments: list[str]) -> None:
    """Runs the command. With --traceback, every error has its traceback."""
    name = next(iter(arguments[1:2]), "")
    if name not in SERVING:
        reads.exclude_process()
    try:
        # Processes that serve begin a trace for each request, and only after they were forked.
        with nullcontext() if name in SERVING or not COMMAND_NAME.fullmatch(name) else trace_command(name):
            execute_from_command_line(arguments)
    except (WrongSettings, DatabaseError, InterfaceError, RedisError, OSError) as error:
        reason = explain(error)
        if reason is None or "--traceback" in arguments:
            raise
        print(reason, file=sys.stderr)
        # 1 would be the doctor's word for warnings.
        sys.exit(2 if name == "doctor" else 1)


def explain(error: Exception) -> str | None:
    """The error and what to do; None for an error that no operator can fix."""
    if isinstance(error, WrongSettings):
        return str(error)
    if isinstance(error, DatabaseError | InterfaceError):
        return explain_database(error)
    if isinstance(error, RedisError):
        return f"Redis does not answer: {first_line(error)}. Check REDIS_URL and CACHE_URL."
    if isinstance(error, OSError) and error.errno in FIXABLE:
        advice = ADVICE.get(error.errno, RIGHTS)
        return f"Cannot write {error.filename or settings.STATE_DIR}: {error.strerror}. {advice}"
    return None


RIGHTS = "Give this user the right to write there, or set EVERGREEN_STATE_DIR."
ADVICE = {
    errno.ENOSPC: "Free some space, or set EVERGREEN_STATE_DIR to a folder on another disk.",
    errno.EDQUOT: "Free some space, or set EVERGREEN_STATE_DIR to a folder on another disk.",
    errno.EFBIG: "A limit of this process on the size of files is reached (ulimit -f).",
    errno.EMFILE: "A limit of this process on open files is reached (ulimit -n).",
}


def explain_database(error: Exception) -> str | None:
    text = first_line(error)
    if "no such table" in text or ("does not exist" in text and "relation" in text):
        return f"The database lacks tables ({text}). Run: manage.py migrate"
    if not isinstance(error, OperationalError | InterfaceError):
        return None
    name = settings.DATABASES["default"]["NAME"]
    return f"The database {name} cannot be used: {text}. Check DATABASE_URL, its server, its disk and its rights."


def first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
