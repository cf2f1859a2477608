"""Relay what this process writes as soon as it has committed, so that its next read is new.

PostgreSQL   each connection names its process in the setting `evergreen.writer`, which the triggers copy. They report
             to it each row of the outbox, by a message that psycopg 3 hands on: any statement that writes is known.
SQLite       a statement that may write, and names a watched table. So with psycopg 2.

A pooler that hands sessions around loses the name. The first process that looks then relays the row.
"""

import logging
import os
import secrets
import weakref
from collections.abc import Callable
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from ..errors import CacheError
from .declaration import watches
from .fetched_cursor import fetch_rows, restore_cursor
from .postgresql import REPORT
from .relay import relay_own

logger = logging.getLogger("content.caching")

# Statements that may write rows, and comments that may precede one.
WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE", "TRUNCATE", "MERGE", "WITH", "COPY", "DO ", "CALL", "/*", "--")
# Set on Django's connection while a change of its own waits for its commit, without a block of Django's.
_HAS_WRITTEN = "_evergreen_has_written"
# Set on psycopg's connection, which a pool hands to one of Django's after another.
_REPORTS = "_evergreen_reports"

writer = secrets.token_hex(8)


def _rename_in_child() -> None:
    global writer
    writer = secrets.token_hex(8)


os.register_at_fork(after_in_child=_rename_in_child)


def follow_connections() -> None:
    """Called once, at start."""
    connection_created.connect(_follow, dispatch_uid="content.caching.watch")
    for connection in connections.all(initialized_only=True):
        _follow(connection=connection)


def _follow(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    if _relay_after_write not in connection.execute_wrappers:
        connection.execute_wrappers.append(_relay_after_write)
    if connection.vendor == "postgresql" and connection.connection is not None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('evergreen.writer', %s, false)", [writer])
        _listen_for_reports(connection)
    elif connection.vendor == "sqlite" and connection.connection is not None:
        # INSERT OR REPLACE fires the triggers of the rows that it deletes.
        connection.connection.execute("PRAGMA recursive_triggers = ON")


class _ReportListener:
    """Receives the reports of triggers to a connection, while its statement runs."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = weakref.ref(connection)

    def __call__(self, message: Any) -> None:
        connection = self.connection()
        if message.message_primary == REPORT and connection is not None:
            _note_write(connection)


def _listen_for_reports(connection: BaseDatabaseWrapper) -> None:
    driver: Any = connection.connection
    if reports := getattr(driver, _REPORTS, None):
        reports.connection = weakref.ref(connection)
    elif hasattr(driver, "add_notice_handler"):
        setattr(driver, _REPORTS, _ReportListener(connection))
        driver.add_notice_handler(getattr(driver, _REPORTS))


def _relay_after_write(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    restore_cursor(context["cursor"])
    result = execute(sql, params, many, context)
    connection = context["connection"]
    if not hasattr(connection.connection, _REPORTS) and _may_write(sql):
        if connection.vendor == "sqlite" and connection.autocommit and "RETURNING" in sql.upper():
            result = fetch_rows(context["cursor"])
        _note_write(connection)
    if getattr(connection, _HAS_WRITTEN, False) and not _is_in_transaction(connection):
        setattr(connection, _HAS_WRITTEN, False)
        _relay_now(connection)
    return result


def _may_write(sql: Any) -> bool:
    """Psycopg 2 composes statements that are no text."""
    if not isinstance(sql, str):
        return True
    return sql.lstrip()[:9].upper().startswith(WRITES) and any(watch.table in sql for watch in watches.values())


def _is_in_transaction(connection: BaseDatabaseWrapper) -> bool:
    """Whether the driver is in a transaction. Django does not know of a BEGIN by a cursor."""
    driver: Any = connection.connection
    if connection.vendor == "sqlite":
        return bool(driver.in_transaction)
    return connection.vendor == "postgresql" and driver.info.transaction_status != 0


def _note_write(connection: BaseDatabaseWrapper) -> None:
    if connection.in_atomic_block or not connection.autocommit:
        _relay_on_commit(connection)
    else:
        setattr(connection, _HAS_WRITTEN, True)


class _RelayOnCommit:
    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection

    def __call__(self) -> None:
        _relay_now(self.connection)


def _relay_on_commit(connection: BaseDatabaseWrapper) -> None:
    """Once a transaction. A savepoint that is rolled back takes its hooks along, so each write asks again.

    Django's manual transactions take no hooks, but run those that are there when autocommit is back.
    In Django's TestCase one transaction stands for many: `captureOnCommitCallbacks` sees the hooks of its own block.
    """
    is_of_test = any(getattr(block, "_from_testcase", False) for block in connection.atomic_blocks)
    hooks: list[Any] = connection.run_on_commit
    if is_of_test or not any(isinstance(hook[1], _RelayOnCommit) for hook in hooks):
        hook = _RelayOnCommit(connection)
        if is_of_test:
            connection.on_commit(hook)
        else:
            # This hook runs before the writer's own: they may read, or raise.
            hooks.insert(0, (set(connection.savepoint_ids), hook, False))


def _relay_now(connection: BaseDatabaseWrapper) -> None:
    """The write has committed: no error here is the writer's."""
    try:
        relay_own(connection.alias, writer)
    except CacheError as error:
        logger.warning("A change waits in the outbox until the invalidation log answers: %s", error)
    except Exception:
        logger.exception("A change waits in the outbox until another process relays it.")
