"""Middleware for all responses: 503 for errors that pass, and the content security policy."""

from collections.abc import Awaitable, Callable

from asgiref.sync import markcoroutinefunction
from django.http import HttpRequest, HttpResponse

from content.views.errors import unavailable

Handler = Callable[[HttpRequest], Awaitable[HttpResponse]]

# Pages load nothing from other hosts, and have no inline script or style.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


class AsyncMiddleware:
    async_capable = True
    sync_capable = False

    def __init__(self, get_response: Handler) -> None:
        markcoroutinefunction(self)
        self.get_response = get_response

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        return await self.get_response(request)


class OverloadMiddleware(AsyncMiddleware):
    """Respond with 503 and Retry-After when loads exceed their bounds, or the database does not answer."""

    async def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return unavailable(request, exception)


class ContentSecurityPolicyMiddleware(AsyncMiddleware):
    """Add Content-Security-Policy (CSP level 3) to each response that has none of its own."""

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        response = await self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        return response
