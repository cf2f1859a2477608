from collections.abc import Awaitable, Callable

from asgiref.sync import markcoroutinefunction
from django.http import HttpRequest, HttpResponse

from content.caching.errors import LoadTimeout, Overloaded
from content.views.errors import plain_error

Handler = Callable[[HttpRequest], Awaitable[HttpResponse]]

RETRY_AFTER = 2


class OverloadMiddleware:
    """503 with Retry-After (RFC 9110, 10.2.3) where no answer can be had within the stated bounds."""

    async_capable = True
    sync_capable = False

    def __init__(self, get_response: Handler) -> None:
        markcoroutinefunction(self)
        self.get_response = get_response

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        return await self.get_response(request)

    async def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, Overloaded | LoadTimeout):
            return None
        response = plain_error(request, 503)
        response.headers["Retry-After"] = str(getattr(exception, "retry_after", RETRY_AFTER))
        return response
