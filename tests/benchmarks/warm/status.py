"""Middleware that says whether a page was a hit (RFC 9211), which version it is, and how many are made at once."""

import os
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from itertools import count
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import async_only_middleware

from content.cache_headers import BROWSER_POLICY

Call = Callable[[HttpRequest], Awaitable[HttpResponse]]
# Pages that were being made when this one began, itself included.
AT_ONCE = "x-made-at-once"
# The process that made the page, and the number of pages that it had made.
VERSION = "x-version"

in_progress = 0
numbers = count(1)
# The queries of a request that went to the database.
queries: ContextVar[list[str]] = ContextVar("queries")


@async_only_middleware
def number_pages(get_response: Call) -> Call:
    """The innermost: only a page that is made comes here."""

    async def number(request: HttpRequest) -> HttpResponse:
        global in_progress
        in_progress += 1
        at_once = in_progress
        request.was_made = True  # type: ignore[attr-defined]
        try:
            response = await get_response(request)
        finally:
            in_progress -= 1
        response[AT_ONCE] = str(at_once)
        response[VERSION] = f"{os.getpid()}-{next(numbers)}"
        return response

    return number


@async_only_middleware
def add_status_of_page(get_response: Call) -> Call:
    async def add_status(request: HttpRequest) -> HttpResponse:
        response = await get_response(request)
        response["cache-status"] = "Django; fwd=miss" if hasattr(request, "was_made") else "Django; hit"
        return response

    return add_status


@async_only_middleware
def drop_cache_control(get_response: Call) -> Call:
    """Django's cache stores nothing for which browsers have to ask each time. Private responses keep theirs."""

    async def drop(request: HttpRequest) -> HttpResponse:
        response = await get_response(request)
        if response.get("Cache-Control") == BROWSER_POLICY:
            del response["Cache-Control"]
        return response

    return drop


@async_only_middleware
def add_status_of_queries(get_response: Call) -> Call:
    """A page is a hit if it was made without a query to the database."""

    async def add_status(request: HttpRequest) -> HttpResponse:
        noted: list[str] = []
        queries.set(noted)
        response = await get_response(request)
        response["cache-status"] = "cacheops; fwd=miss" if noted else "cacheops; hit"
        return response

    return add_status


def note_query(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
    if (noted := queries.get(None)) is not None:
        noted.append(sql)
    return execute(sql, *rest)
