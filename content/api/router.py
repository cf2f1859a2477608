"""The router: an endpoint is a function, its path, and the type of its result."""

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI

from content.api import openapi
from content.api.errors import InvalidParameters, Place, problem_of
from content.api.serializers import ROOT
from content.cache_headers import EDGE_POLICY, NO_STORE, set_cache_headers

Endpoint = TypeVar("Endpoint", bound=Callable[..., Awaitable[Any]])

DESCRIPTION = """All public content as JSON.

Lists have pages: follow `next` until it is null. No post comes twice and none is missed, also if posts are published
meanwhile. Errors are problem details (RFC 9457). Responses have an `ETag`: send it in `If-None-Match`, and get 304 if
nothing has changed. No key is needed, and scripts of all origins may read.
"""

encode = msgspec.json.Encoder().encode


class Api(NinjaAPI):
    """django-ninja parses the parameters; msgspec encodes the results, and makes their schemas."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, openapi_url=None, docs_url=None, openapi_extra={"tags": openapi.TAGS})
        self.result_types: dict[str, Any] = {}

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
            self.result_types[name] = result
            self.get(
                path,
                operation_id=name,
                tags=[tag],
                summary=summary.rstrip("."),
                description=description,
                openapi_extra={"responses": openapi.responses(result)},
            )(view)
            return function

        return declare

    def document(self) -> dict[str, Any]:
        """The OpenAPI document."""
        return openapi.add_components(self.get_openapi_schema(path_prefix=ROOT.lstrip("/")), self.result_types)


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
