"""Django's middleware, called without a thread where it does no I/O.

Under ASGI, Django runs process_request and process_response of its middleware in threads, although most of them only
read and set headers. These classes call them in the event loop, and use a thread only to store a session or messages.
"""

import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from asgiref.sync import markcoroutinefunction, sync_to_async
from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.security import SecurityMiddleware

from content.caching.tracing import Span, current_span, note
from project.logs import request_id

# Other ids are replaced: they go into logs.
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestId:
    """Gives the log lines of a request one id: the X-Request-ID of a proxy, else a new one.

    It is not reset after the request: each request has its own context, and the server logs the access in it later.
    """

    async_capable = True
    sync_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]]) -> None:
        markcoroutinefunction(self)
        self.get_response = get_response

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        request_id.set(given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8))
        response = await self.get_response(request)
        if (span := current_span.get()) is not None:
            await describe_request(span, request)
        return response


async def describe_request(span: Span, request: HttpRequest) -> None:
    """Add to a recorded trace the template of the URL, and whether the client is staff and may see the trace's id."""
    if request.resolver_match is not None:
        span.trace.route = f"/{request.resolver_match.route}"
        note("http.route", span.trace.route)
    span.trace.shows_id = await is_staff(request)


async def is_staff(request: HttpRequest) -> bool:
    """Ask only for clients that send a session. An error means no: it is not the client's."""
    if settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return False
    try:
        user: Any = getattr(request, "_cached_user", None) or await request.auser()
    except Exception:
        return False
    return bool(user.is_active and user.is_staff)


class Inline:
    """Mixed in before a MiddlewareMixin class of Django: calls process_request and process_response directly."""

    sync_capable: ClassVar[bool] = False
    get_response: Any

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        early = self.process_request(request) if hasattr(self, "process_request") else None
        response: HttpResponseBase = early if early is not None else await self.get_response(request)
        if not hasattr(self, "process_response"):
            return response
        if self.does_io(request):
            return await sync_to_async(self.process_response)(request, response)  # type: ignore[no-any-return]
        return self.process_response(request, response)  # type: ignore[no-any-return]

    def does_io(self, request: HttpRequest) -> bool:
        """Whether process_response needs the database or the cache."""
        return False


class Security(Inline, SecurityMiddleware):
    pass


class Common(Inline, CommonMiddleware):
    pass


class Clickjacking(Inline, XFrameOptionsMiddleware):
    pass


class Csrf(Inline, CsrfViewMiddleware):
    """Both halves only compute: Django parses the form before it compares the token."""

    async def process_view(self, request: HttpRequest, callback: Any, args: Any, kwargs: Any) -> Any:  # type: ignore[override]
        return super().process_view(request, callback, args, kwargs)


class Session(Inline, SessionMiddleware):
    """A session that was not read has nothing to store."""

    def does_io(self, request: HttpRequest) -> bool:
        return bool(request.session.accessed or request.session.modified)


class Authentication(Inline, AuthenticationMiddleware):
    """It sets only functions that load the user later."""


class Messages(Inline, MessageMiddleware):
    def does_io(self, request: HttpRequest) -> bool:
        messages: Any = getattr(request, "_messages", None)
        return messages is not None and bool(messages.used or messages.added_new)
