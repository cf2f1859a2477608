"""Views beside the endpoints: the OpenAPI document, the page to try the API, and unknown paths."""

from functools import cache

import msgspec
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.shortcuts import render
from django.urls import Resolver404, resolve
from django.utils.encoding import escape_uri_path

from content import resources
from content.api.errors import problem
from content.api.router import api, has_few_values
from content.cache_headers import EDGE_POLICY, NO_STORE, set_cache_headers


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
