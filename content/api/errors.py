"""Errors as problem details (RFC 9457)."""

import logging
from http import HTTPStatus

import msgspec
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from msgspec import UNSET, Struct, UnsetType
from ninja.errors import ValidationError

from content.cache_headers import NO_STORE, set_not_found_headers
from content.caching import NotThere
from content.unavailable import is_database_down, retry_after

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
encode = msgspec.json.Encoder().encode


class Place(Struct, frozen=True):
    """One value that is wrong, and why; `where` is query, path or body."""

    where: str
    name: str
    detail: str


class Problem(Struct, frozen=True):
    """An error, as RFC 9457 says it: `type` is about:blank where the status says what kind it is."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: tuple[Place, ...] | UnsetType = UNSET


class Gone(Exception):
    """A post or page that was public and was withdrawn: 410."""


class InvalidParameters(Exception):
    """Parameters that an endpoint cannot accept: 400, with the places."""

    def __init__(self, *places: Place) -> None:
        super().__init__(*places)
        self.places = places


class Refusal(Exception):
    """A request that an endpoint refuses with that status. `detail` says why, and what to do."""

    def __init__(self, status: int, detail: str, *places: Place, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.places = places
        self.headers = headers


def problem(
    request: HttpRequest,
    status: int,
    detail: str,
    *,
    places: tuple[Place, ...] = (),
    headers: dict[str, str] | None = None,
    instance: str | None = None,
) -> HttpResponse:
    """Make a response of problem details. The edge stores 404 and 410 for some seconds, and no other error.

    instance: the path of the request by default.
    """
    details = Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=request.path if instance is None else instance,
        errors=places or UNSET,
    )
    response = HttpResponse(encode(details), status=status, content_type=MEDIA_TYPE, headers=headers)
    if status in (404, 410):
        return set_not_found_headers(response)
    response["Cache-Control"] = response["Evergreen-Cache-Control"] = NO_STORE
    return response


def problem_of(request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
    """Make the response to an exception: 500 for an unexpected one, and its traceback goes to the log."""
    match error:
        case NotThere():
            return problem(request, 404, f"There is no such {error}.")
        case Gone():
            return problem(request, 410, f"The {error} was withdrawn.")
        case InvalidParameters():
            return bad_request(request, error.places)
        case Refusal():
            return problem(request, error.status, error.detail, places=error.places, headers=error.headers)
        case ValidationError():
            return bad_request(request, tuple(map(place_of, error.errors)))
        case SuspiciousOperation():
            return problem(request, 400, "The request cannot be read.")
    if isinstance(error, Exception) and (seconds := retry_after(error)) is not None:
        detail = "The database does not answer." if is_database_down(error) else "Too much to do just now."
        return problem(request, 503, detail, headers={"Retry-After": str(seconds)})
    logger.error("%s %s", request.method, request.path, exc_info=error if isinstance(error, Exception) else True)
    return problem(request, 500, "Something went wrong here, and is in the log.")


def bad_request(request: HttpRequest, places: tuple[Place, ...]) -> HttpResponse:
    names = ", ".join(dict.fromkeys(place.name for place in places))
    return problem(request, 400, f"What is asked for cannot be answered: see {names}.", places=places)


def place_of(error: dict[str, object]) -> Place:
    """Convert an error of pydantic."""
    where, *names = [str(part) for part in error["loc"]]  # type: ignore[attr-defined]
    return Place(where, ".".join(names) or where, str(error["msg"]).removeprefix("Value error, "))
