"""Count the SQL statements of a piece of work, on all threads that it uses."""

import functools
import re
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
from .tracing import CLIENT, Span, current_span, open_span


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
    wrap_statements(count_statement)


def wrap_statements(wrapper: Callable[..., Any]) -> None:
    """Run the statements of all connections through a wrapper (django.db.connection.execute_wrapper) from now on."""

    def wrap(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
        if wrapper not in connection.execute_wrappers:
            connection.execute_wrappers.append(wrapper)

    connection_created.connect(wrap, dispatch_uid=wrapper, weak=False)
    for connection in connections.all(initialized_only=True):
        wrap(connection)


def count_statement(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    queries, here = current.get(), current_span.get()
    if here is not None:
        execute = functools.partial(_execute_traced, execute, here)
    if queries is None:
        return execute(sql, params, many, context)
    began = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        queries.count += 1
        queries.seconds += time.perf_counter() - began
        queries.statements.append(sql)


def _execute_traced(execute: Callable[..., Any], here: Span, sql: Any, params: Any, many: bool, context: Any) -> Any:
    """Record one statement: its text has placeholders where it had values."""
    here.queries += 1
    is_control = isinstance(sql, str) and sql.startswith(("SAVEPOINT", "RELEASE"))
    span = open_span("query", CLIENT) if here.queries <= MAX_QUERY_SPANS and not is_control else None
    if span is None:
        return execute(sql, params, many, context)
    text = shape_of(sql) if isinstance(sql, str) else ""
    span.rename(summary_of(text))
    span.set("db.system.name", context["connection"].vendor)
    span.set("db.query.text", text)
    try:
        return execute(sql, params, many, context)
    except BaseException as error:
        span.fail(type(error).__qualname__)
        raise
    finally:
        span.end()


# Statements below one span that are recorded. All of them are counted.
MAX_QUERY_SPANS = 50
_LITERAL = re.compile(r"'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b")
_PLACEHOLDERS = re.compile(r"(%s|\?)(?:\s*,\s*(?:%s|\?))+")
_TABLE = re.compile(r'\b(?:FROM|INTO|UPDATE|TABLE)\s+"?(\w+)"?(?![\w."])', re.IGNORECASE)
# Characters of a statement that are looked at.
MAX_STATEMENT = 2000


@functools.lru_cache(maxsize=512)
def shape_of(sql: str) -> str:
    """A statement without values: literals become `?`, and a list of placeholders becomes one."""
    text = " ".join(sql[:MAX_STATEMENT].split())
    return _PLACEHOLDERS.sub(r"\1, ...", _LITERAL.sub("?", text))


@functools.lru_cache(maxsize=512)
def summary_of(text: str) -> str:
    """The operation and the table of a statement, such as `SELECT content_post`."""
    operation, table = text.partition(" ")[0].upper()[:20], _TABLE.search(text)
    return f"{operation} {table[1]}" if table is not None else operation or "query"


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
