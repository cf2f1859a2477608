"""The guard in front of each view of the API: methods, the rate limit, exceptions, and CORS headers."""

import functools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from content.api.errors import problem, problem_of
from content.cache_headers import NO_STORE, same_for_all_with_any_parameter
from content.limits import Limit, Rate, Verdict, client_network
from content.warming.targets import WARMING

View = Callable[..., Any]

ALLOWED_METHODS = "GET, HEAD, OPTIONS"
# Seconds.
MINUTE, DAY = 60, 86_400
# The name of the limit in its header fields.
LIMIT_NAME = "default"
# Fields that scripts of other origins may read, besides the safelisted (Fetch standard, 3.3.2).
EXPOSED_FIELDS = "Age, Allow, Cache-Status, ETag, RateLimit, RateLimit-Policy, Retry-After"


def guard(view: View) -> View:
    """Pass GET and HEAD to a view, answer OPTIONS, and refuse other methods.

    Scripts of all origins may read each response: it is public, and no cookie changes it.
    """

    @functools.wraps(view)
    async def guard_request(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = await respond(view, request, *args, **kwargs)
        response["Access-Control-Allow-Origin"] = "*"
        response["Access-Control-Expose-Headers"] = EXPOSED_FIELDS
        return response

    # The views only read, and trust no cookie.
    guard_request.csrf_exempt = True  # type: ignore[attr-defined]
    return same_for_all_with_any_parameter(guard_request)


async def respond(view: View, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    if request.method == "OPTIONS":
        return preflight_response()
    if request.method not in ("GET", "HEAD"):
        detail = f"Only {ALLOWED_METHODS} are answered here."
        return problem(request, 405, detail, headers={"Allow": ALLOWED_METHODS})
    verdict = await take_from_limit(request)
    if verdict is not None and not verdict.allowed:
        return too_many_requests(request, verdict)
    return add_limit_headers(await call_view(view, request, *args, **kwargs), verdict)


async def call_view(view: View, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    """Call the view, for HEAD as for GET; the server leaves out the body of a response to HEAD."""
    method = request.method
    request.method = "GET" if method == "HEAD" else method
    try:
        response: HttpResponse = await view(request, *args, **kwargs)
    except Exception as error:
        return problem_of(request, error)
    finally:
        request.method = method
    return response


def preflight_response() -> HttpResponse:
    """Answer OPTIONS, also a browser's preflight request for a script of another origin."""
    response = HttpResponse(status=204, headers={"Allow": ALLOWED_METHODS})
    response["Access-Control-Allow-Methods"] = ALLOWED_METHODS
    response["Access-Control-Allow-Headers"] = "*"
    response["Access-Control-Max-Age"] = str(DAY)
    response["Cache-Control"] = NO_STORE
    return response


async def take_from_limit(request: HttpRequest) -> Verdict | None:
    """Count one request for the client's address (of IPv6: its /64); None without a limit, or without a client.

    Responses of the edge do not come here, and are not counted.
    """
    if not settings.API_A_MINUTE or is_warming(request):
        return None
    limit = Limit("api", Rate(settings.API_A_MINUTE, timedelta(seconds=MINUTE)))
    return await limit.take(client_network(request.META.get("REMOTE_ADDR", "")))


def is_warming(request: HttpRequest) -> bool:
    """Whether the site itself makes the response in advance. No client can set a key of the scope."""
    return bool(getattr(request, "scope", {}).get(WARMING))


def too_many_requests(request: HttpRequest, verdict: Verdict) -> HttpResponse:
    detail = f"More than {settings.API_A_MINUTE} requests in a minute came from your address."
    response = problem(request, 429, detail, headers={"Retry-After": str(verdict.whole_seconds)})
    return add_limit_headers(response, verdict)


def add_limit_headers(response: HttpResponse, verdict: Verdict | None) -> HttpResponse:
    """Add RateLimit-Policy, and RateLimit where the edge does not store the response for other clients.

    The fields follow draft-ietf-httpapi-ratelimit-headers-10.
    """
    if verdict is None:
        return response
    response["RateLimit-Policy"] = f'"{LIMIT_NAME}";q={settings.API_A_MINUTE};w={MINUTE}'
    if NO_STORE in response.get("Evergreen-Cache-Control", ""):
        wait = f";t={verdict.whole_seconds}" if not verdict.allowed else ""
        response["RateLimit"] = f'"{LIMIT_NAME}";r={verdict.remaining}{wait}'
    return response
