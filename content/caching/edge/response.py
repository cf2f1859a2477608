"""Build the response to one request from a stored page."""

from collections.abc import Mapping
from typing import NamedTuple

from .page import Page
from .profile import Profile
from .representation import Representation, choose_representation
from .request import Request
from .rules.conditions import ORIGIN_CONDITIONS, evaluate_conditions, range_of
from .rules.fields import CacheStatus, Field, Fields


class Response(NamedTuple):
    status: int
    pairs: list[Field]
    body: bytes


def build_response(
    request: Request,
    page: Page,
    representations: Mapping[str, Representation],
    now: float,
    cache_status: CacheStatus,
    profile: Profile,
) -> Response:
    """Apply the client's conditions and ranges: the page's status, 304, 206 or 416. `representations`: by coding."""
    extra = [(b"age", str(int(page.age(now))).encode()), (b"cache-status", cache_status.encode(profile.name))]
    codings = request.fields.choose_codings(profile.codings)
    representation = (
        representations[""] if b"range" in request.fields else choose_representation(representations, codings)
    )
    if _is_conditional(request, page):
        is_known, tag = evaluate_conditions(request.fields, page, representation.etag, codings)
        if is_known:
            return Response(304, [*_not_modified_response_fields(representation, tag).pairs, *extra], b"")
    byte_range = range_of(request.fields, page) if request.method == "GET" else None
    if byte_range is False:
        return _unsatisfied_response(page, extra)
    if isinstance(byte_range, tuple):
        return _partial_response(representation, byte_range, extra)
    return Response(
        page.status,
        [*representation.head(page.status).pairs, *extra],
        b"" if request.method == "HEAD" else representation.body,
    )


def _is_conditional(request: Request, page: Page) -> bool:
    """Whether this cache evaluates conditions: for successful responses only (RFC 9110, section 13.2.1), unless the
    origin must evaluate them.
    """
    return 200 <= page.status < 300 and not any(name in request.fields for name in ORIGIN_CONDITIONS)


def _not_modified_response_fields(representation: Representation, tag: str | None) -> Fields:
    """`tag`: the entity tag that the client sent. It may name another coding of the same page."""
    fields = Fields.of(representation.not_modified_head.pairs)
    return (
        fields
        if tag is None or tag == representation.etag
        else fields.with_fields([(b"etag", tag.encode("latin-1"))])
    )


def _partial_response(representation: Representation, byte_range: tuple[int, int], extra: list[Field]) -> Response:
    first, last = byte_range
    body = representation.body[first : last + 1]
    about = [
        (b"content-range", f"bytes {first}-{last}/{len(representation.body)}".encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    return Response(206, [*representation.fields.with_fields(about).pairs, *extra], body)


def _unsatisfied_response(page: Page, extra: list[Field]) -> Response:
    length = (b"content-range", f"bytes */{len(page.body)}".encode())
    return Response(416, [length, (b"content-length", b"0"), *extra], b"")
