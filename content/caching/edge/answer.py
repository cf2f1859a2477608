"""A stored page as the answer to one request."""

from collections.abc import Mapping
from typing import NamedTuple

from content.caching.edge.form import Form
from content.caching.edge.profile import Profile
from content.caching.edge.request import Request
from content.caching.edge.rules.coding import accepted
from content.caching.edge.rules.conditions import FOR_THE_ORIGIN, known_tag
from content.caching.edge.rules.fields import Field, Fields
from content.caching.edge.rules.ranges import part_of
from content.caching.edge.rules.status import Told
from content.caching.edge.stored import Page


class Reply(NamedTuple):
    status: int
    pairs: list[Field]
    body: bytes


def reply(request: Request, page: Page, forms: Mapping[str, Form], now: float, told: Told, profile: Profile) -> Reply:
    """200, or what the client's conditions and ranges make of it: 304, 206, 416. `forms`: by coding."""
    added = [(b"age", str(int(page.age(now))).encode()), (b"cache-status", told.field(profile.name))]
    form = forms[""] if b"range" in request.fields else best(forms, accepted(request.fields, profile.codings))
    if is_conditional(request, page):
        known, tag = known_tag(request.fields, page, form.etag, profile.codings)
        if known:
            return Reply(304, [*unchanged(form, tag).pairs, *added], b"")
    part = part_of(request.fields, page) if request.method == "GET" else None
    if part is False:
        return unsatisfied(page, added)
    if isinstance(part, tuple):
        return partial(form, part, added)
    return Reply(
        page.status, [*form.whole(page.status).pairs, *added], b"" if request.method == "HEAD" else form.body
    )


def best(forms: Mapping[str, Form], codings: tuple[str, ...]) -> Form:
    """The first that there is; as it came where there is none."""
    for coding in codings:
        if coding in forms:
            return forms[coding]
    return forms[""]


def is_conditional(request: Request, page: Page) -> bool:
    """What is no success is told whatever the client has (RFC 9110, section 13.2.1)."""
    return 200 <= page.status < 300 and not any(name in request.fields for name in FOR_THE_ORIGIN)


def unchanged(form: Form, tag: str | None) -> Fields:
    """`tag`: what the client calls what it has; another coding, perhaps, of the same."""
    fields = Fields.of(form.known.pairs)
    return fields if tag is None or tag == form.etag else fields.with_these([(b"etag", tag.encode("latin-1"))])


def partial(form: Form, part: tuple[int, int], added: list[Field]) -> Reply:
    first, last = part
    body = form.body[first : last + 1]
    about = [
        (b"content-range", f"bytes {first}-{last}/{len(form.body)}".encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    return Reply(206, [*form.fields.with_these(about).pairs, *added], body)


def unsatisfied(page: Page, added: list[Field]) -> Reply:
    length = (b"content-range", f"bytes */{len(page.body)}".encode())
    return Reply(416, [length, (b"content-length", b"0"), *added], b"")
