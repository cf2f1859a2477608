"""Report the cost of a response in Server-Timing: its SQL statements, and its cache hits by tier."""

from collections.abc import Awaitable, Callable

from asgiref.sync import markcoroutinefunction
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse

from content.caching.metrics.events import EventCounts, listen, total
from content.caching.queries import Queries, count_queries

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
