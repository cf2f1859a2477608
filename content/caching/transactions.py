"""Whether this thread is inside a transaction that has written: its reads then go past the cache.

Django sends no signal when a transaction ends, and PostgreSQL's BEGIN passes no execute wrapper. So a write is noted
with what Django replaces when the transaction ends: its outermost block, and its list of hooks to run on commit.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from .queries import wrap_statements

# Statements that write nothing. Any other counts as a write: one read too many from the database costs a query, one
# too few a wrong answer.
READS = ("SELECT", "BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "SET", "SHOW", "EXPLAIN", "PRAGMA", "FETCH")


class _Write(NamedTuple):
    """A transaction that has written. `hooks` is None if a savepoint's rollback replaces Django's list of them."""

    connection: BaseDatabaseWrapper
    outermost: Any
    hooks: Any

    @property
    def is_open(self) -> bool:
        connection = self.connection
        return (
            not connection.autocommit
            and self.outermost is _outermost_block(connection)
            and (self.hooks is None or self.hooks is connection.run_on_commit)
        )


class _Thread(threading.local):
    writes: tuple[_Write, ...] = ()


_thread = _Thread()


def watch_connections() -> None:
    """Called once, at start."""
    wrap_statements(_track_write)


def _track_write(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    connection = context["connection"]
    if connection.autocommit or _outermost_block(connection) is _OF_TESTS:
        if _thread.writes:
            _open_writes()
        return execute(sql, params, many, context)
    begins = sql.lstrip()[:9].upper()
    if not begins.startswith(READS):
        _note(connection, connection.run_on_commit)
    elif begins.startswith("ROLLBACK") and any(write.connection is connection for write in _open_writes()):
        _note(connection, None)
    return execute(sql, params, many, context)


def _note(connection: BaseDatabaseWrapper, hooks: Any) -> None:
    others = (write for write in _thread.writes if write.connection is not connection)
    _thread.writes = (*others, _Write(connection, _outermost_block(connection), hooks))


# Stands for a block: only Django's TestCase has transactions open. Its writes count as committed.
_OF_TESTS = object()


def _outermost_block(connection: BaseDatabaseWrapper) -> Any:
    blocks = connection.atomic_blocks
    if not blocks:
        return None
    return next((block for block in blocks if not getattr(block, "_from_testcase", False)), _OF_TESTS)


def has_written() -> bool:
    return bool(_thread.writes) and bool(_open_writes())


def _open_writes() -> tuple[_Write, ...]:
    _thread.writes = tuple(write for write in _thread.writes if write.is_open)
    return _thread.writes


def may_read_the_past() -> bool:
    """Whether queries of this thread may see a snapshot from before now: an open transaction's, at some levels."""
    return any(
        connection.connection is not None
        and not connection.autocommit
        and _outermost_block(connection) is not _OF_TESTS
        and not _reads_committed(connection)
        for connection in connections.all(initialized_only=True)
    )


def _reads_committed(connection: Any) -> bool:
    """PostgreSQL's default, where each statement sees what is committed when it begins."""
    level = getattr(connection, "isolation_level", None)
    return connection.vendor == "postgresql" and getattr(level, "name", "READ_COMMITTED") == "READ_COMMITTED"


# --- what a loader reads ------------------------------------------------------------------------------

_is_bypassed: ContextVar[bool] = ContextVar("is_bypassed", default=False)
# One for each `bypass` under way in the process: while it is empty, no reader looks at its context.
bypasses: list[None] = []


@contextmanager
def bypass() -> Iterator[None]:
    """All reads within the block go past the cache, in async loaders that other threads run as well."""
    token = _is_bypassed.set(True)
    bypasses.append(None)
    try:
        yield
    finally:
        bypasses.pop()
        _is_bypassed.reset(token)


def is_bypassed() -> bool:
    """Whether reads here go past the cache."""
    return has_written() or (bool(bypasses) and _is_bypassed.get())
