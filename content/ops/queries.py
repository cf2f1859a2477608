"""Counting the SQL of a piece of work, whichever threads it runs on."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from content.caching.executor import inherited_variables


@dataclass
class Queries:
    """How many, how long in seconds, and their texts."""

    count: int = 0
    seconds: float = 0.0
    statements: list[str] = field(default_factory=list)


current: ContextVar[Queries | None] = ContextVar("current", default=None)
inherited_variables.append(current)


def watch_connections() -> None:
    """Called once, at start: every connection, of whatever thread, reports to the work it runs for."""
    connection_created.connect(watch, dispatch_uid="evergreen.queries")
    for connection in connections.all(initialized_only=True):
        watch(connection=connection)


def watch(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    if counted not in connection.execute_wrappers:
        connection.execute_wrappers.append(counted)


def counted(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
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
    """The SQL run in this context, by its tasks, and in the threads they call."""
    queries = Queries()
    token = current.set(queries)
    try:
        yield queries
    finally:
        current.reset(token)
