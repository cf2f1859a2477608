"""Whether this thread is inside of a transaction that has written: what it reads then is nobody else's."""

from collections.abc import Callable
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

# What writes nothing. All else counts as a write, whatever stands before its first word: to look into the database
# once too often costs a query, once too seldom a wrong answer.
READS = ("SELECT", "BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "SET", "SHOW", "EXPLAIN", "PRAGMA", "FETCH")


def watch_connections() -> None:
    """Called once, at start."""
    connection_created.connect(_watch, dispatch_uid="content.caching.transactions")
    for connection in connections.all(initialized_only=True):
        _watch(connection=connection)


def _watch(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    if _track_write not in connection.execute_wrappers:
        connection.execute_wrappers.append(_track_write)


def _track_write(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    connection = context["connection"]
    if not connection.in_atomic_block:
        connection.evergreen_has_written = False
    elif not sql.lstrip()[:9].upper().startswith(READS):
        connection.evergreen_has_written = True
    return execute(sql, params, many, context)


def has_written() -> bool:
    return any(
        connection.in_atomic_block and getattr(connection, "evergreen_has_written", False)
        for connection in connections.all(initialized_only=True)
    )
