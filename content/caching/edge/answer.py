"""A stored page as the answer to one request."""

from typing import NamedTuple

from content.caching.edge.profile import Profile
from content.caching.edge.request import Request
from content.caching.edge.rules.conditions import FOR_THE_ORIGIN, fields_of_304, is_known
from content.caching.edge.rules.fields import Field, Fields
from content.caching.edge.rules.ranges import part_of
from content.caching.edge.rules.status import Told
from content.caching.edge.stored import Page


class Reply(NamedTuple):
    status: int
    pairs: list[Field]
    body: bytes


def reply(request: Request, page: Page, now: float, told: Told, profile: Profile) -> Reply:
    """200, or what the client's conditions and ranges make of it: 304, 206, 416."""
    fields = outward(page.fields, profile)
    added = [(b"age", str(int(page.age(now))).encode()), (b"cache-status", told.field(profile.name))]
    if is_conditional(request) and is_known(request.fields, page):
        return Reply(304, [*fields_of_304(fields).pairs, *added], b"")
    part = part_of(request.fields, page) if request.method == "GET" else None
    if part is False:
        return unsatisfied(page, added)
    status, body = page.status, page.body
    if isinstance(part, tuple):
        first, last = part
        status, body = 206, body[first : last + 1]
        fields = fields.with_these([(b"content-range", f"bytes {first}-{last}/{len(page.body)}".encode())])
    if status not in (204, 205):
        fields = fields.with_these([(b"content-length", str(len(body)).encode())])
    return Reply(status, [*fields.pairs, *added], b"" if request.method == "HEAD" else body)


def is_conditional(request: Request) -> bool:
    return not any(name in request.fields for name in FOR_THE_ORIGIN)


def unsatisfied(page: Page, added: list[Field]) -> Reply:
    length = (b"content-range", f"bytes */{len(page.body)}".encode())
    return Reply(416, [length, (b"content-length", b"0"), *added], b"")


def outward(fields: Fields, profile: Profile) -> Fields:
    """Without what was meant for this cache alone."""
    own = {profile.targeted[0]} if profile.targeted else set()
    return fields.without(own if profile.keeps_tags else own | {b"cache-tag", b"surrogate-key"})
