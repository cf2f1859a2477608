"""The declaration of an endpoint, and what the OpenAPI document says of it."""

import functools
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from django.http import HttpRequest, HttpResponse
from msgspec import Struct

from content.api.ops.orders import JSON
from content.api.router import REFERENCE, RETRY_AFTER, Json, api, check_names, encode, problem_response

SECURITY = "token"
ALLOW = {"description": "The allowed methods.", "schema": {"type": "string"}}
AUTHENTICATE = {"description": "Bearer.", "schema": {"type": "string"}}
ACCEPT = {"description": "The allowed media type.", "schema": {"type": "string"}}
LOCATION = {"description": "The run, to be followed.", "schema": {"type": "string", "format": "uri-reference"}}

PROBLEMS: dict[int, tuple[str, Json]] = {
    400: ("A parameter or a field of the body is unknown or invalid; `errors` says which.", {}),
    401: (
        "There is no valid token. Every path below /api/v1/ops/ says the same.",
        {"WWW-Authenticate": AUTHENTICATE},
    ),
    403: ("The token has not the scope.", {"WWW-Authenticate": AUTHENTICATE}),
    404: ("There is no such run.", {}),
    405: ("Another method is needed.", {"Allow": ALLOW}),
    409: ("The run is in a state that does not allow it; `detail` says which.", {}),
    413: ("The body is too large.", {}),
    415: ("The body is no JSON.", {"Accept": ACCEPT}),
    422: ("What is named is not there, or not of this site; `detail` names what is near.", {}),
    429: ("Too many requests of one token, or too many without a valid one.", {"Retry-After": RETRY_AFTER}),
    500: ("An error of the server, which is in its log.", {}),
    503: ("Redis, the database or the server itself is too busy or down.", {"Retry-After": RETRY_AFTER}),
}
ALWAYS = (400, 401, 403, 405, 429, 500, 503)
WITH_BODY = (413, 415, 422)


@dataclass(frozen=True)
class Answer:
    """A result with its status. `location`: the path of the run."""

    data: Any
    status: int = 200
    location: str = ""


@dataclass(frozen=True)
class Endpoint:
    """scopes: the token must have one of these. body: the type of the order, if it has one."""

    method: str
    scopes: tuple[str, ...]
    results: dict[int, tuple[type[Struct], ...]]
    body: type[Struct] | None = None
    problems: tuple[int, ...] = ()

    @property
    def methods(self) -> tuple[str, ...]:
        return ("GET", "HEAD") if self.method == "GET" else (self.method,)


Function = TypeVar("Function", bound=Callable[..., Awaitable[Answer]])
# Endpoints by the name of their function, which is also that of their URL pattern.
ENDPOINTS: dict[str, Endpoint] = {}


def endpoint(path: str, declared: Endpoint) -> Callable[[Function], Function]:
    """Declare a function that answers at a path. The guard has checked method, token and scope before."""

    def declare(function: Function) -> Function:
        known = tuple(inspect.signature(function).parameters)[1:]

        @functools.wraps(function)
        async def view(request: HttpRequest, **parameters: Any) -> HttpResponse:
            check_names(request, known)
            answer = await function(request, **parameters)
            headers = {"Location": answer.location} if answer.location else None
            return HttpResponse(encode(answer.data), status=answer.status, content_type=JSON, headers=headers)

        name = function.__name__
        ENDPOINTS[name] = declared
        api.types += [each for types in declared.results.values() for each in types]
        api.types += [declared.body] if declared.body else []
        summary, _, description = (inspect.getdoc(function) or "").partition("\n\n")
        api.api_operation(
            [declared.method],
            path,
            operation_id=name,
            tags=["Operators"],
            summary=summary.rstrip("."),
            description=description,
            openapi_extra=describe(declared),
        )(view)
        return function

    return declare


def describe(declared: Endpoint) -> Json:
    """Security, body and responses, for django-ninja's `openapi_extra`."""
    statuses = sorted({*ALWAYS, *declared.problems, *(WITH_BODY if declared.body else ())})
    described: Json = {
        "security": [{SECURITY: list(declared.scopes)}],
        "responses": {
            **{status: describe_result(status, types) for status, types in declared.results.items()},
            **{status: {"$ref": f"#/components/responses/operators-{status}"} for status in statuses},
        },
    }
    if declared.body:
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": refer_to(declared.body)}}}
    return described


def describe_result(status: int, types: tuple[type[Struct], ...]) -> Json:
    schemas = [refer_to(each) for each in types]
    schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    text = "It is started." if status == 202 else "Done."
    headers = {"Location": LOCATION} if status == 202 else {}
    return {"description": text, "headers": headers, "content": {JSON: {"schema": schema}}}


def refer_to(kind: type[Struct]) -> Json:
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=REFERENCE)
    return schema


api.components["securitySchemes"] = {
    SECURITY: {"type": "http", "scheme": "bearer", "description": "A token of `manage.py ops_token create`."}
}
api.components["responses"] = {
    f"operators-{status}": problem_response(*described) for status, described in PROBLEMS.items()
}
