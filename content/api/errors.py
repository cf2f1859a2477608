"""What can go wrong, and the problem that it is told as."""

import logging

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from ninja.errors import ValidationError

from content.api.problems import Gone, Place, Refused, problem
from content.caching import NotThere
from content.caching.errors import LoadTimeout, Overloaded

logger = logging.getLogger(__name__)

RETRY_AFTER = 2


def told(request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
    """Every exception has an answer; one that nobody expected has 500, and its trace in the log."""
    match error:
        case NotThere():
            return problem(request, 404, f"There is no such {error}.")
        case Gone():
            return problem(request, 410, f"The {error} was withdrawn.")
        case Refused():
            return bad_request(request, error.places)
        case ValidationError():
            return bad_request(request, tuple(map(place_of, error.errors)))
        case SuspiciousOperation():
            return problem(request, 400, "The request cannot be read.")
        case Overloaded() | LoadTimeout():
            seconds = str(getattr(error, "retry_after", RETRY_AFTER))
            return problem(request, 503, "Too much to do just now.", headers={"Retry-After": seconds})
    logger.error("%s %s", request.method, request.path, exc_info=error if isinstance(error, Exception) else True)
    return problem(request, 500, "Something went wrong here, and is in the log.")


def bad_request(request: HttpRequest, places: tuple[Place, ...]) -> HttpResponse:
    names = ", ".join(dict.fromkeys(place.name for place in places))
    return problem(request, 400, f"What is asked for cannot be answered: see {names}.", places=places)


def place_of(error: dict[str, object]) -> Place:
    """As pydantic says it, in one line."""
    where, *names = [str(part) for part in error["loc"]]  # type: ignore[attr-defined]
    return Place(where, ".".join(names) or where, str(error["msg"]).removeprefix("Value error, "))
