"""What the application is asked about a stored response, and what its answer changes (RFC 9111, section 4.3)."""

from collections.abc import Sequence

from content.caching.edge.rules.conditions import CONDITIONS, is_strong, opaque
from content.caching.edge.rules.dates import date_of
from content.caching.edge.rules.fields import Field, Fields, connection_fields
from content.caching.edge.stored import Page

# They go with the stored body, whatever a 304 says of another (RFC 9111, section 3.2).
OF_THE_BODY = frozenset({b"content-length", b"content-encoding", b"content-md5", b"content-range"})


def asked_about(request: Fields, page: Page) -> list[Field]:
    """The request's fields with our validators in place of the client's conditions."""
    pairs = list(request.without([*CONDITIONS, b"range"]).pairs)
    if page.etag is not None:
        pairs.append((b"if-none-match", page.etag.encode("latin-1")))
    changed = page.fields.first(b"last-modified")
    if changed is not None:
        pairs.append((b"if-modified-since", changed.encode("latin-1")))
    return pairs


def is_about(page: Page, answer: Fields) -> bool:
    """Whether a 304 is about what we have (section 4.3.4)."""
    etag = answer.first(b"etag")
    if etag is not None and page.etag is not None:
        return etag == page.etag if is_strong(etag) else opaque(etag) == opaque(page.etag)
    changed = answer.first(b"last-modified")
    if etag is None and changed is not None and page.modified is not None:
        return date_of(changed) == page.modified
    return True


def freshened(page: Page, answer: Fields) -> Fields:
    """Each field that came replaces those of its name (section 3.2). One that does not say when it was made was made
    when it came (RFC 9110, section 6.6.1): the date of what it is about counts no longer."""
    unwanted = OF_THE_BODY | connection_fields(answer)
    return page.fields.without([b"date"]).with_these(answer.without(unwanted).pairs)


def same_by_head(page: Page, status: int, answer: Fields) -> bool:
    """Whether a response to HEAD speaks of the one we have (section 4.3.5)."""
    if status != page.status:
        return False
    told: Sequence[tuple[bytes, str | None]] = (
        (b"etag", page.etag),
        (b"last-modified", page.fields.first(b"last-modified")),
        (b"content-length", str(len(page.body))),
    )
    return all(answer.first(name) in (None, value) for name, value in told)
