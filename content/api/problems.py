"""Errors as problem details (RFC 9457)."""

from http import HTTPStatus

import msgspec
from django.http import HttpRequest, HttpResponse
from msgspec import UNSET, Struct, UnsetType

from content.api.headers import NOT_KEPT, NOT_THERE_AT_THE_EDGE, open_to_all

MEDIA_TYPE = "application/problem+json"
encode = msgspec.json.Encoder().encode


class Place(Struct, frozen=True):
    """What is wrong with one parameter; `where` is query or path."""

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
    """What readers could read once, and was withdrawn: 410."""


class Refused(Exception):
    """A request that cannot be answered as it stands: 400, with the places."""

    def __init__(self, *places: Place) -> None:
        super().__init__(*places)
        self.places = places


def refused(name: str, detail: str, *, where: str = "query") -> Refused:
    return Refused(Place(where, name, detail))


def problem(
    request: HttpRequest,
    status: int,
    detail: str,
    *,
    places: tuple[Place, ...] = (),
    headers: dict[str, str] | None = None,
) -> HttpResponse:
    """What is not there is kept at the edge for a moment, as those pages are; other errors are the asker's alone."""
    is_absent = status in (404, 410)
    said = Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=request.path,
        errors=places or UNSET,
    )
    response = HttpResponse(encode(said), status=status, content_type=MEDIA_TYPE, headers=headers)
    response["Cache-Control"] = "no-cache" if is_absent else "no-store"
    response["Evergreen-Cache-Control"] = NOT_THERE_AT_THE_EDGE if is_absent else NOT_KEPT
    return open_to_all(response)
