"""What the application is asked about a stored response, and what its answer changes (RFC 9111, section 4.3)."""

from collections.abc import Sequence

from content.caching.edge.page import Page
from content.caching.edge.rules.conditions import CONDITIONS, is_strong, opaque_tag
from content.caching.edge.rules.dates import parse_date
from content.caching.edge.rules.fields import Field, Fields, connection_fields

# They go with the stored body, whatever a 304 says of another (RFC 9111, section 3.2).
_BODY_FIELDS = frozenset({b"content-length", b"content-encoding", b"content-md5", b"content-range"})


def conditional_fields(request: Fields, page: Page) -> list[Field]:
    """The request's fields with our validators in place of the client's conditions."""
    pairs = list(request.without([*CONDITIONS, b"range"]).pairs)
    if page.etag is not None:
        pairs.append((b"if-none-match", page.etag.encode("latin-1")))
    last_modified = page.fields.first(b"last-modified")
    if last_modified is not None:
        pairs.append((b"if-modified-since", last_modified.encode("latin-1")))
    return pairs


def confirms(page: Page, response: Fields) -> bool:
    """Whether a 304 is about what we have (section 4.3.4)."""
    etag = response.first(b"etag")
    if etag is not None and page.etag is not None:
        return etag == page.etag if is_strong(etag) else opaque_tag(etag) == opaque_tag(page.etag)
    last_modified = response.first(b"last-modified")
    if etag is None and last_modified is not None and page.modified is not None:
        return parse_date(last_modified) == page.modified
    return True


def freshen_fields(page: Page, response: Fields) -> Fields:
    """Each field that came replaces those of its name (section 3.2). One that does not say when it was made was made
    when it came (RFC 9110, section 6.6.1): the date of what it is about counts no longer."""
    unwanted = _BODY_FIELDS | connection_fields(response)
    return page.fields.without([b"date"]).with_fields(response.without(unwanted).pairs)


def head_matches(page: Page, status: int, response: Fields) -> bool:
    """Whether a response to HEAD speaks of the one we have (section 4.3.5)."""
    if status != page.status:
        return False
    expected: Sequence[tuple[bytes, str | None]] = (
        (b"etag", page.etag),
        (b"last-modified", page.fields.first(b"last-modified")),
        (b"content-length", str(len(page.body))),
    )
    return all(response.first(name) in (None, value) for name, value in expected)
