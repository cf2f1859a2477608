"""Errors that pass by themselves: too many loads, or a database that does not answer. Clients get 503."""

import logging
import sqlite3

from django.db import InterfaceError, OperationalError

from content.caching.errors import LoadTimeout, Overloaded

logger = logging.getLogger(__name__)

# Seconds.
RETRY_AFTER = 2
RETRY_HEADERS = {"Retry-After": str(RETRY_AFTER)}


def retry_after(error: BaseException | None) -> int | None:
    """Seconds for the header field Retry-After (RFC 9110, 10.2.3); None for an error that does not pass.

    It logs why the database fails.
    """
    if isinstance(error, Overloaded):
        return error.retry_after
    if isinstance(error, LoadTimeout):
        return RETRY_AFTER
    if not is_database_down(error):
        return None
    logger.warning("The database fails: %s. The client gets 503. See docs/runbooks/database-down.md.", error)
    return RETRY_AFTER


def is_database_down(error: BaseException | None) -> bool:
    """PostgreSQL does not listen, starts, ends connections or has too many; SQLite is locked or cannot be opened."""
    if isinstance(error, InterfaceError):
        return True
    # SQLite reports a missing table by the same class: that does not pass.
    code = getattr(error.__cause__, "sqlite_errorcode", None) if error else None
    return isinstance(error, OperationalError) and code != sqlite3.SQLITE_ERROR
