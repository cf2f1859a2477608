"""What is no endpoint: the OpenAPI document, the page to try it, and paths that are nothing here."""

from functools import cache

import msgspec
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.shortcuts import render
from django.urls import Resolver404, resolve
from django.utils.encoding import escape_uri_path

from content import resources
from content.api.app import api
from content.api.headers import dated, open_to_all
from content.api.problems import problem


async def openapi(request: HttpRequest) -> HttpResponse:
    return dated(HttpResponse(openapi_json(), content_type="application/json"), kept=not request.GET)


@cache
def openapi_json() -> bytes:
    """Made once: it changes with a release alone."""
    return msgspec.json.format(msgspec.json.encode(api.document()), indent=1)


async def docs(request: HttpRequest) -> HttpResponse:
    response = render(request, "content/api.html", {"site": await resources.site.get(), "canonical": request.path})
    return dated(response, kept=not request.GET)


async def nothing_here(request: HttpRequest, path: str) -> HttpResponse:
    """Moved, if all that it lacks is the last slash."""
    if not path.endswith("/") and is_answered(f"{request.path}/"):
        query = request.META.get("QUERY_STRING", "")
        return open_to_all(
            HttpResponsePermanentRedirect(f"{escape_uri_path(request.path)}/{'?' if query else ''}{query}")
        )
    return problem(request, 404, "There is nothing at this path; /api/v1/ says what there is.")


def is_answered(path: str) -> bool:
    try:
        return resolve(path).func is not None and resolve(path).url_name != "api-nothing"
    except Resolver404:
        return False
