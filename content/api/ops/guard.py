"""The guard in front of the operators' API: the token first, then limits, audit, method and scope.

A request without a valid token gets the same 401 for every path, method and body: it learns not even what is there.
No response is stored, and none has a field by which scripts of other origins may read it. No cookie counts.
"""

import functools
import logging
from datetime import timedelta
from typing import Any

import msgspec
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse

from content.api.errors import Problem, problem
from content.api.guard import MINUTE, View, call_view
from content.api.ops.document import Endpoint
from content.api.ops.operator import Operator
from content.cache_headers import forbid_storing
from content.limits import Limit, Rate, Verdict, client_network
from content.models import OpsRequest, OpsToken
from content.services.ops_requests import close_request, open_request
from content.services.ops_tokens import find_token
from content.unavailable import RETRY_HEADERS

logger = logging.getLogger(__name__)

ROOT = "/api/v1/ops/"
BEARER = "bearer"


def guard_operators(view: View, endpoint: Endpoint | None) -> View:
    """endpoint: None for paths at which there is nothing."""

    @functools.wraps(view)
    async def guard_request(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response = await admit(view, endpoint, request, *args, **kwargs)
        except (DatabaseError, InterfaceError) as error:
            logger.error("The operators' API cannot read or write the database.", exc_info=error)
            response = problem(
                request,
                503,
                "The database does not answer.",
                headers=RETRY_HEADERS,
                instance=ROOT,
            )
        del response["Evergreen-Cache-Control"]
        return forbid_storing(response)

    # A token is sent on purpose. Cookies are not read.
    guard_request.csrf_exempt = True  # type: ignore[attr-defined]
    return guard_request


async def admit(
    view: View, endpoint: Endpoint | None, request: HttpRequest, *args: Any, **kwargs: Any
) -> HttpResponse:
    network = client_network(request.META.get("REMOTE_ADDR", ""))
    text = token_text(request)
    token = await sync_to_async(find_token)(text) if text else None
    if token is None or token.state != "valid":
        return await refuse(request, token, network)
    verdict = await take("ops-token", settings.OPS_A_MINUTE, str(token.pk))
    if verdict is not None and not verdict.allowed:
        return too_many(request, verdict, f"More than {settings.OPS_A_MINUTE} requests in a minute had this token.")
    operator, response = Operator(token), None
    request.operator = operator  # type: ignore[attr-defined]
    row = await record(token, request, network)
    try:
        response = await respond(view, endpoint, request, operator, *args, **kwargs)
        return response
    finally:
        await finish_record(row, operator, response)


def token_text(request: HttpRequest) -> str:
    """The token of the field Authorization (RFC 6750, 2.1); empty without one."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    return text.strip() if scheme.lower() == BEARER else ""


async def take(name: str, a_minute: int, key: str) -> Verdict | None:
    """Count one; None without a limit."""
    if not a_minute:
        return None
    return await Limit(name, Rate(a_minute, timedelta(seconds=MINUTE))).take(key)


async def record(token: OpsToken, request: HttpRequest, network: str) -> OpsRequest:
    """Raises DatabaseError: what cannot be recorded is not done."""
    return await sync_to_async(open_request)(token, method=request.method or "", path=request.path, network=network)


async def respond(
    view: View, endpoint: Endpoint | None, request: HttpRequest, operator: Operator, *args: Any, **kwargs: Any
) -> HttpResponse:
    if endpoint is None:
        return problem(request, 404, "There is nothing at this path; /api/v1/openapi.json says what there is.")
    if request.method not in endpoint.methods:
        allowed = ", ".join(endpoint.methods)
        return problem(request, 405, f"Only {allowed} is answered here.", headers={"Allow": allowed})
    if not operator.has_scope(endpoint.scopes):
        needed = " or ".join(endpoint.scopes)
        scopes = " ".join(endpoint.scopes)
        return problem(
            request,
            403,
            f"The token {operator.name} has not the scope {needed}. Create one that has: manage.py ops_token create.",
            headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scopes}"'},
        )
    return await call_view(view, request, *args, **kwargs)


async def finish_record(row: OpsRequest, operator: Operator, response: HttpResponse | None) -> None:
    """The response goes out even if the database is down by now: what was ordered is done."""
    status, outcome = judge(operator, response)
    try:
        await sync_to_async(close_request)(row, status, order=operator.order, outcome=outcome)
    except (DatabaseError, InterfaceError) as error:
        logger.error(
            "Cannot record that request %d of operators ended: %s %s", row.pk, status, outcome, exc_info=error
        )


def judge(operator: Operator, response: HttpResponse | None) -> tuple[int | None, str]:
    """Status and outcome for the audit."""
    if response is None:
        return None, "The client hung up, or the process ended, before the response."
    if response.status_code < 400:
        return response.status_code, operator.outcome
    return response.status_code, msgspec.json.decode(response.content, type=Problem).detail


# --- without a valid token --------------------------------------------------------------------------------


async def refuse(request: HttpRequest, token: OpsToken | None, network: str) -> HttpResponse:
    """401. Past the limit of failed attempts 429, and no record; a valid token is answered from there as well."""
    verdict = await take("ops-failures", settings.OPS_FAILURES_A_MINUTE, network)
    if verdict is not None and not verdict.allowed:
        return too_many(request, verdict, "Too many requests without a valid token came from your address.")
    if token is None:
        logger.warning("A request to the operators' API from %s had no token, or none that was ever valid.", network)
    else:
        row = await record(token, request, network)
        await sync_to_async(close_request)(row, 401, outcome=f"The token is {token.state}.")
    return ask_for_token(request)


def ask_for_token(request: HttpRequest) -> HttpResponse:
    return problem(
        request,
        401,
        "This needs a valid token: send Authorization: Bearer, with the token.",
        headers={"WWW-Authenticate": "Bearer"},
        instance=ROOT,
    )


def too_many(request: HttpRequest, verdict: Verdict, detail: str) -> HttpResponse:
    return problem(request, 429, detail, headers={"Retry-After": str(verdict.whole_seconds)}, instance=ROOT)


async def nothing(request: HttpRequest, path: str = "") -> HttpResponse:
    """The view of paths at which there is nothing; the guard answers for it."""
    raise NotImplementedError
