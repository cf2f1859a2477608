"""Whether this thread is inside a transaction that has written: its reads then go past the cache."""

from collections.abc import Callable
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

# Statements that write nothing. Any other counts as a write: one read too many from the database costs a query, one
# too few a wrong answer.
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
    if not _is_in_transaction(connection):
        connection.evergreen_has_written = False
    elif not sql.lstrip()[:9].upper().startswith(READS):
        connection.evergreen_has_written = True
    return execute(sql, params, many, context)


def has_written() -> bool:
    return any(
        _is_in_transaction(connection) and getattr(connection, "evergreen_has_written", False)
        for connection in connections.all(initialized_only=True)
    )


def _is_in_transaction(connection: BaseDatabaseWrapper) -> bool:
    """Whether it is in an atomic block of the code. What Django's TestCase holds open counts as committed."""
    blocks = connection.atomic_blocks
    return connection.in_atomic_block and not all(getattr(block, "_from_testcase", False) for block in blocks)
