"""Count the SQL statements of a piece of work, on all threads that it uses."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from .executor import inherited_variables


@dataclass
class Queries:
    """Number, duration in seconds, and texts of statements."""

    count: int = 0
    seconds: float = 0.0
    statements: list[str] = field(default_factory=list)


current: ContextVar[Queries | None] = ContextVar("current", default=None)
inherited_variables.append(current)


def watch_connections() -> None:
    """Called once, at start. From then on each connection counts for the work that uses it."""
    connection_created.connect(watch_connection, dispatch_uid="evergreen.queries")
    for connection in connections.all(initialized_only=True):
        watch_connection(connection=connection)


def watch_connection(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    if count_statement not in connection.execute_wrappers:
        connection.execute_wrappers.append(count_statement)


def count_statement(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    queries = current.get()
    if queries is None:
        return execute(sql, params, many, context)
    began = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        queries.count += 1
        queries.seconds += time.perf_counter() - began
        queries.statements.append(sql)


@contextmanager
def count_queries() -> Iterator[Queries]:
    """Count the statements of this context, of its tasks, and of the threads that they call.

    A block within another counts for both.
    """
    queries, outer = Queries(), current.get()
    token = current.set(queries)
    try:
        yield queries
    finally:
        current.reset(token)
        if outer is not None:
            outer.count += queries.count
            outer.seconds += queries.seconds
            outer.statements += queries.statements
