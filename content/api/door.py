"""What stands before every view of the API: methods, the limit, and the errors that no view has told."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from content.api.errors import told
from content.api.headers import open_to_all
from content.api.limiting import counted, too_many, with_policy
from content.api.problems import problem
from content.sharing import same_for_all_with_any_parameter

View = Callable[..., Any]

ALLOWED = "GET, HEAD, OPTIONS"
DAY = 86_400


def behind_door(view: View) -> View:
    """GET and HEAD reach the view; OPTIONS is answered here, for scripts of other origins too; the rest is 405."""

    async def door(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "OPTIONS":
            return options()
        if request.method not in ("GET", "HEAD"):
            return problem(request, 405, f"Only {ALLOWED} are answered here.", headers={"Allow": ALLOWED})
        verdict = await counted(request)
        if verdict is not None and not verdict.allowed:
            return too_many(request, verdict)
        return with_policy(await answered(view, request, *args, **kwargs), verdict)

    # It reads, and takes no cookie's word for anything.
    door.csrf_exempt = True  # type: ignore[attr-defined]
    return same_for_all_with_any_parameter(door)


async def answered(view: View, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    """As to GET; of an answer to HEAD the server leaves out the body."""
    method, request.method = request.method, "GET"
    try:
        response: HttpResponse = await view(request, *args, **kwargs)
    except Exception as error:
        return told(request, error)
    finally:
        request.method = method
    return response


def options() -> HttpResponse:
    """Also what a browser asks before a script of another origin may ask with fields of its own."""
    response = HttpResponse(status=204, headers={"Allow": ALLOWED})
    response["Access-Control-Allow-Methods"] = ALLOWED
    response["Access-Control-Allow-Headers"] = "*"
    response["Access-Control-Max-Age"] = str(DAY)
    response["Cache-Control"] = "no-store"
    return open_to_all(response)
