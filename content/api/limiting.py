"""How often one client may have the application work for it: what the edge answers is not counted."""

from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from content.api.problems import problem
from content.limits import Limit, Rate, Verdict, client_network

MINUTE = 60
NAME = "default"


def limit() -> Limit:
    return Limit("api", Rate(settings.API_A_MINUTE, timedelta(seconds=MINUTE)))


async def counted(request: HttpRequest) -> Verdict | None:
    """One more for the address that asks (of IPv6: its /64); None where there is no limit."""
    if not settings.API_A_MINUTE:
        return None
    return await limit().take(client_network(request.META.get("REMOTE_ADDR", "")))


def too_many(request: HttpRequest, verdict: Verdict) -> HttpResponse:
    seconds = verdict.whole_seconds
    response = problem(
        request, 429, f"More than {settings.API_A_MINUTE} requests in a minute came from your address."
    )
    response["Retry-After"] = str(seconds)
    return with_policy(response, verdict)


def with_policy(response: HttpResponse, verdict: Verdict | None) -> HttpResponse:
    """RateLimit-Policy for all, and RateLimit (draft-ietf-httpapi-ratelimit-headers-10) where it is the reader's own.

    An answer that the edge keeps goes to others as well, to whom one reader's number means nothing.
    """
    if verdict is None:
        return response
    response["RateLimit-Policy"] = f'"{NAME}";q={settings.API_A_MINUTE};w={MINUTE}'
    if "no-store" in response.get("Evergreen-Cache-Control", ""):
        wait = f";t={verdict.whole_seconds}" if not verdict.allowed else ""
        response["RateLimit"] = f'"{NAME}";r={verdict.remaining}{wait}'
    return response
