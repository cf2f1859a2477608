"""Relay what this process writes as soon as it has committed, so that its next read is new.

Each PostgreSQL connection names its process in the setting `evergreen.writer`, which the triggers copy. A pooler that
hands sessions around loses the name: the row then belongs to nobody, and whoever looks first relays it.
"""

import logging
import os
import secrets
from collections.abc import Callable
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from .declaration import watches
from .finished import begin_again, finish
from .relay import relay_own

logger = logging.getLogger("content.caching")

# Statements that may write rows, and comments that may precede one. A SELECT that writes by a function is left to
# other processes.
WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE", "TRUNCATE", "MERGE", "WITH", "COPY", "DO ", "CALL", "/*", "--")

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
    elif connection.vendor == "sqlite" and connection.connection is not None:
        # INSERT OR REPLACE fires the triggers of the rows that it deletes.
        connection.connection.execute("PRAGMA recursive_triggers = ON")


def _relay_after_write(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    begin_again(context["cursor"])
    result = execute(sql, params, many, context)
    if sql.lstrip()[:9].upper().startswith(WRITES) and _names_watched_table(sql):
        connection = context["connection"]
        if connection.in_atomic_block:
            _relay_on_commit(connection)
        elif connection.autocommit:
            if connection.vendor == "sqlite" and "RETURNING" in sql.upper():
                result = finish(context["cursor"])
            _relay_now(connection)
    return result


def _names_watched_table(sql: str) -> bool:
    return any(watch.table in sql for watch in watches.values())


class _RelayOnCommit:
    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection

    def __call__(self) -> None:
        _relay_now(self.connection)


def _relay_on_commit(connection: BaseDatabaseWrapper) -> None:
    """Once a transaction. A savepoint that is rolled back takes its hooks along, so each write asks again.

    In Django's TestCase one transaction stands for many: `captureOnCommitCallbacks` sees the hooks of its own block.
    """
    is_of_test = any(getattr(block, "_from_testcase", False) for block in connection.atomic_blocks)
    if is_of_test or not any(isinstance(hook[1], _RelayOnCommit) for hook in connection.run_on_commit):
        connection.on_commit(_RelayOnCommit(connection))
        if not is_of_test:
            # Before the writer's own hooks: they may read, or raise.
            connection.run_on_commit.insert(0, connection.run_on_commit.pop())


def _relay_now(connection: BaseDatabaseWrapper) -> None:
    """The write has committed: whatever happens here is no error of the writer's."""
    try:
        relay_own(connection.alias, writer)
    except Exception:
        logger.exception("A change waits in the outbox until another process relays it.")
