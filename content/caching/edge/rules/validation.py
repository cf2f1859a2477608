"""Validate stored pages with the application, and invalidate them after writes (RFC 9111, sections 4.3 and 4.4)."""

from collections.abc import Sequence
from urllib.parse import urljoin, urlsplit

from ..page import Page
from ..request import Request
from .conditions import CONDITIONS, is_strong, opaque_tag
from .fields import Field, Fields, connection_fields, parse_date

# Fields that belong to the stored body; a 304 does not change them (RFC 9111, section 3.2).
_BODY_FIELDS = frozenset({b"content-length", b"content-encoding", b"content-md5", b"content-range"})


def conditional_fields(request: Fields, page: Page) -> list[Field]:
    """The request's fields, with the stored page's validators instead of the client's conditions."""
    pairs = list(request.without([*CONDITIONS, b"range"]).pairs)
    if page.etag is not None:
        pairs.append((b"if-none-match", page.etag.encode("latin-1")))
    last_modified = page.fields.first(b"last-modified")
    if last_modified is not None:
        pairs.append((b"if-modified-since", last_modified.encode("latin-1")))
    return pairs


def confirms(page: Page, response: Fields) -> bool:
    """Whether a 304 confirms the stored page (section 4.3.4)."""
    etag = response.first(b"etag")
    if etag is not None and page.etag is not None:
        return etag == page.etag if is_strong(etag) else opaque_tag(etag) == opaque_tag(page.etag)
    last_modified = response.first(b"last-modified")
    if etag is None and last_modified is not None and page.modified is not None:
        return parse_date(last_modified) == page.modified
    return True


def freshen_fields(page: Page, response: Fields) -> Fields:
    """Replace the stored fields by those received (section 3.2).

    Without Date, the response counts as made when received (RFC 9110, section 6.6.1); the stored Date is dropped.
    """
    unwanted = _BODY_FIELDS | connection_fields(response)
    return page.fields.without([b"date"]).with_fields(response.without(unwanted).pairs)


def head_matches(page: Page, status: int, response: Fields) -> bool:
    """Whether a response to HEAD describes the stored page (section 4.3.5)."""
    if status != page.status:
        return False
    expected: Sequence[tuple[bytes, str | None]] = (
        (b"etag", page.etag),
        (b"last-modified", page.fields.first(b"last-modified")),
        (b"content-length", str(len(page.body))),
    )
    return all(response.first(name) in (None, value) for name, value in expected)


def urls_invalidated_by(request: Request, status: int, response: Fields) -> list[str]:
    """The URLs that a write invalidates: its own, and those in Location and Content-Location on the same origin.

    An error invalidates nothing.
    """
    if request.is_safe or not 200 <= status < 400:
        return []
    named = [response.first(name) for name in (b"location", b"content-location")]
    return [request.url, *(url for text in named if text and (url := _same_origin_url(request, text)))]


def _same_origin_url(request: Request, reference: str) -> str | None:
    try:
        url = urljoin(request.url, reference)
        there, here = urlsplit(url), urlsplit(request.url)
    except ValueError:
        return None
    if (there.scheme, there.netloc.lower()) != (here.scheme, here.netloc.lower()):
        return None
    return there._replace(netloc=here.netloc, fragment="").geturl()
