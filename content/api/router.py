"""The router: an endpoint is a function, its path, and the type of its result; and the OpenAPI document made of them.

msgspec makes the schemas of results, because msgspec encodes them; django-ninja would document pydantic models, and
writes the rest of the document.
"""

import functools
import inspect
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, TypeVar

import msgspec
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.shortcuts import render
from django.urls import Resolver404, resolve
from django.utils.encoding import escape_uri_path
from ninja import NinjaAPI

from content import resources
from content.api.errors import MEDIA_TYPE, InvalidParameters, Place, Problem, problem, problem_of
from content.api.schemas import ROOT, Post, PostItem
from content.cache_headers import EDGE_POLICY, NO_STORE, set_cache_headers

Json = dict[str, Any]

REFERENCE = "#/components/schemas/{name}"
# The parameter `fields` chooses among the fields of these, so that none of them is required.
SELECTABLE = (PostItem, Post)

# In the order in which the page shows them.
TAGS = [{"name": name} for name in ("Start", "Posts", "Pages", "Authors, categories, tags", "Search", "Operators")]

ETAG = {"description": "Send it in If-None-Match.", "schema": {"type": "string"}}
LAST_MODIFIED = {"description": "When the response was made.", "schema": {"type": "string"}}
CACHE_CONTROL = {"description": "Store it, and revalidate it before each use.", "schema": {"type": "string"}}
ALLOW = {"description": "The allowed methods.", "schema": {"type": "string"}}
RETRY_AFTER = {"description": "Seconds.", "schema": {"type": "integer", "minimum": 0}}
RATE_LIMIT = {"description": "The rest of the limit, if the request was counted.", "schema": {"type": "string"}}
RATE_LIMIT_POLICY = {"description": "The limit.", "schema": {"type": "string"}}
HEADERS = {
    "ETag": ETAG,
    "Last-Modified": LAST_MODIFIED,
    "Cache-Control": CACHE_CONTROL,
    "RateLimit": RATE_LIMIT,
    "RateLimit-Policy": RATE_LIMIT_POLICY,
}
LIMIT_HEADERS = {"Retry-After": RETRY_AFTER, "RateLimit": RATE_LIMIT, "RateLimit-Policy": RATE_LIMIT_POLICY}

PROBLEMS: dict[int, tuple[str, Json]] = {
    400: ("A parameter is unknown or invalid; `errors` says which.", {}),
    404: ("It does not exist, or is not public.", {}),
    405: ("Only GET, HEAD and OPTIONS are allowed.", {"Allow": ALLOW}),
    410: ("It was withdrawn.", {}),
    429: ("Too many requests from one address.", LIMIT_HEADERS),
    500: ("An error of the server, which is in its log.", {}),
    503: ("The server is overloaded: try again later.", {"Retry-After": RETRY_AFTER}),
}


def responses(result: Any) -> dict[int, Json]:
    """The responses of one operation, for django-ninja's `openapi_extra`. Statuses are its keys, as numbers."""
    (schema,), _ = msgspec.json.schema_components([result], ref_template=REFERENCE)
    return {
        200: {"headers": HEADERS, "content": {"application/json": {"schema": schema}}},
        304: {"description": "The copy of the client is current.", "headers": {"ETag": ETAG}},
        **{status: {"$ref": f"#/components/responses/{status}"} for status in PROBLEMS},
    }


def add_components(document: Json, types: list[Any], more: dict[str, Json]) -> Json:
    """Add the schemas and the problem responses that `responses` refers to. `more`: of the operators' API."""
    _, schemas = msgspec.json.schema_components([*types, Problem], ref_template=REFERENCE)
    for item in SELECTABLE:
        schemas[item.__name__].pop("required", None)
    problems = {str(status): problem_response(*PROBLEMS[status]) for status in PROBLEMS} | more["responses"]
    return {**document, "components": {**more, "schemas": schemas, "responses": problems}}


def problem_response(description: str, headers: Json) -> Json:
    schema = {"$ref": REFERENCE.format(name="Problem")}
    return {"description": description, "headers": headers, "content": {MEDIA_TYPE: {"schema": schema}}}


Endpoint = TypeVar("Endpoint", bound=Callable[..., Awaitable[Any]])

DESCRIPTION = """All public content as JSON.

Lists have pages: follow `next` until it is null. No post comes twice and none is missed, also if posts are published
meanwhile. Errors are problem details (RFC 9457). Responses have an `ETag`: send it in `If-None-Match`, and get 304 if
nothing has changed. No key is needed, and scripts of all origins may read.

What is under the heading Operators needs a token, and no script of another origin may use it.
"""

encode = msgspec.json.Encoder().encode


class Api(NinjaAPI):
    """django-ninja parses the parameters; msgspec encodes the results, and makes their schemas."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, openapi_url=None, docs_url=None, openapi_extra={"tags": TAGS})
        # Types of results and bodies, for the schemas; components of the document, by kind.
        self.types: list[Any] = []
        self.components: dict[str, Json] = {"responses": {}}

    def set_default_exception_handlers(self) -> None:
        self.add_exception_handler(Exception, problem_of)

    def endpoint(
        self, path: str, result: Any, *, tag: str, stored_with: tuple[str, ...] = ()
    ) -> Callable[[Endpoint], Endpoint]:
        """Declare an endpoint: a function that answers GET and HEAD at a path.

        result       the type of its result
        tag          its heading in the OpenAPI document
        stored_with  parameters with few values in all. The edge stores a response to a request with one of them, or
                     with none. It does not store others, so that made-up parameters cannot fill it.
        """

        def declare(function: Endpoint) -> Endpoint:
            known = tuple(inspect.signature(function).parameters)[1:]

            @functools.wraps(function)
            async def view(request: HttpRequest, **parameters: Any) -> HttpResponse:
                check_names(request, known)
                body = encode(await function(request, **parameters))
                edge = EDGE_POLICY if has_few_values(request, stored_with) else NO_STORE
                return set_cache_headers(HttpResponse(body, content_type="application/json"), edge=edge)

            name = function.__name__
            summary, _, description = (inspect.getdoc(function) or "").partition("\n\n")
            self.types.append(result)
            self.get(
                path,
                operation_id=name,
                tags=[tag],
                summary=summary.rstrip("."),
                description=description,
                openapi_extra={"responses": responses(result)},
            )(view)
            return function

        return declare

    def document(self) -> dict[str, Any]:
        """The OpenAPI document."""
        return add_components(self.get_openapi_schema(path_prefix=ROOT.lstrip("/")), self.types, self.components)


def check_names(request: HttpRequest, known: tuple[str, ...]) -> None:
    """Refuse unknown and repeated parameters: a mistyped filter must not list everything."""
    in_path = request.resolver_match.kwargs if request.resolver_match else {}
    in_query = [name for name in known if name not in in_path]
    for name, values in request.GET.lists():
        if name not in in_query:
            detail = f"known are {', '.join(in_query)}" if in_query else "there are none here"
            raise InvalidParameters(Place("query", name[:100], f"no such parameter: {detail}"))
        if len(values) > 1:
            raise InvalidParameters(Place("query", name, "given more than once"))


def has_few_values(request: HttpRequest, stored_with: tuple[str, ...]) -> bool:
    return not request.GET or (len(request.GET) == 1 and set(request.GET) <= set(stored_with))


api = Api(title="Evergreen", version="1", description=DESCRIPTION, urls_namespace="api")


async def openapi(request: HttpRequest) -> HttpResponse:
    return add_headers(request, HttpResponse(openapi_json(), content_type="application/json"))


@cache
def openapi_json() -> bytes:
    """Encoded once: only a release changes it."""
    return msgspec.json.format(msgspec.json.encode(api.document()), indent=1)


async def docs(request: HttpRequest) -> HttpResponse:
    context = {"site": await resources.site.get(), "canonical": request.path}
    return add_headers(request, render(request, "content/api.html", context))


def add_headers(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    return set_cache_headers(response, edge=EDGE_POLICY if has_few_values(request, ()) else NO_STORE)


async def not_found(request: HttpRequest, path: str) -> HttpResponse:
    """Redirect a path that only lacks its last slash."""
    if not path.endswith("/") and is_known(f"{request.path}/"):
        query = request.META.get("QUERY_STRING", "")
        return HttpResponsePermanentRedirect(f"{escape_uri_path(request.path)}/{'?' if query else ''}{query}")
    return problem(request, 404, "There is nothing at this path; /api/v1/ says what there is.")


def is_known(path: str) -> bool:
    try:
        return resolve(path).url_name != "api-nothing"
    except Resolver404:
        return False
