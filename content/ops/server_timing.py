"""Count the SQL statements of a piece of work, on all threads that it uses, and report them in Server-Timing."""

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from asgiref.sync import markcoroutinefunction
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.http import HttpRequest, HttpResponse

from content.caching.executor import inherited_variables
from content.caching.metrics.events import EventCounts, listen, total


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
    """Count the statements of this context, of its tasks, and of the threads that they call."""
    queries = Queries()
    token = current.set(queries)
    try:
        yield queries
    finally:
        current.reset(token)


Handler = Callable[[HttpRequest], Awaitable[HttpResponse]]


class ServerTimingMiddleware:
    """With DEBUG, a Server-Timing header (W3C) gives the cost of a response: queries, and cache hits by tier."""

    async_capable = True
    sync_capable = False

    def __init__(self, get_response: Handler) -> None:
        if not settings.DEBUG:
            raise MiddlewareNotUsed
        markcoroutinefunction(self)
        self.get_response = get_response

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        with listen() as events, count_queries() as queries:
            response = await self.get_response(request)
        response.headers["Server-Timing"] = server_timing(events, queries)
        return response


def server_timing(events: EventCounts, queries: Queries) -> str:
    tiers = ", ".join(
        f'{tier};desc="{total(events, "hit", tier)} hits, {total(events, "negative", tier)} negative, '
        f'{total(events, "stale", tier)} stale"'
        for tier in ("memory", "shared")
    )
    return (
        f'db;desc="{queries.count} queries";dur={queries.seconds * 1000:.1f}, {tiers}, '
        f'load;desc="{total(events, "load")} loads"'
    )
