"""Django's middleware without a thread for what only computes.

Under ASGI, Django runs the halves of its own middleware in threads, one hop each, although most of them touch nothing
but headers. These run them where they are, and take the thread only where the session has something to store.
"""

import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from asgiref.sync import markcoroutinefunction, sync_to_async
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.security import SecurityMiddleware

from project.logs import request_id

# Longer ones, and other characters, are replaced: they go into logs.
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestId:
    """Gives the log lines of a request one id: X-Request-ID as a proxy sent it, else a new one.

    It is never reset: each request has a context of its own, in which the server logs the access afterwards.
    """

    async_capable = True
    sync_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]]) -> None:
        markcoroutinefunction(self)
        self.get_response = get_response

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        request_id.set(given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8))
        return await self.get_response(request)


class Inline:
    """Before one of Django's MiddlewareMixin classes: its halves are called, not sent to a thread."""

    sync_capable: ClassVar[bool] = False
    get_response: Any

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        early = self.process_request(request) if hasattr(self, "process_request") else None
        response: HttpResponseBase = early if early is not None else await self.get_response(request)
        if not hasattr(self, "process_response"):
            return response
        if self.has_to_store(request):
            return await sync_to_async(self.process_response)(request, response)  # type: ignore[no-any-return]
        return self.process_response(request, response)  # type: ignore[no-any-return]

    def has_to_store(self, request: HttpRequest) -> bool:
        """Whether its second half reads or writes more than headers."""
        return False


class Security(Inline, SecurityMiddleware):
    pass


class Common(Inline, CommonMiddleware):
    pass


class Clickjacking(Inline, XFrameOptionsMiddleware):
    pass


class Csrf(Inline, CsrfViewMiddleware):
    """The cookie is read before the view, and the token compared in it: both compute. A form is parsed by then."""

    async def process_view(self, request: HttpRequest, callback: Any, args: Any, kwargs: Any) -> Any:  # type: ignore[override]
        return super().process_view(request, callback, args, kwargs)


class Session(Inline, SessionMiddleware):
    """A session that nobody has looked at has nothing to store."""

    def has_to_store(self, request: HttpRequest) -> bool:
        return bool(request.session.accessed or request.session.modified)


class Authentication(Inline, AuthenticationMiddleware):
    """It only says how a user would be found."""


class Messages(Inline, MessageMiddleware):
    def has_to_store(self, request: HttpRequest) -> bool:
        messages: Any = getattr(request, "_messages", None)
        return messages is not None and bool(messages.used or messages.added_new)
