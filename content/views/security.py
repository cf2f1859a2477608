from collections.abc import Awaitable, Callable

from asgiref.sync import markcoroutinefunction
from django.http import HttpRequest, HttpResponse

Handler = Callable[[HttpRequest], Awaitable[HttpResponse]]

# Readers' pages bring nothing from other hosts and no inline script or style.
POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


class ContentSecurityPolicyMiddleware:
    """Content-Security-Policy (CSP level 3) on every answer that has none of its own."""

    async_capable = True
    sync_capable = False

    def __init__(self, get_response: Handler) -> None:
        markcoroutinefunction(self)
        self.get_response = get_response

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        response = await self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response
