"""The interface of a CDN, and the header fields for each kind.

Web processes import only this file: it loads no HTTP client.
"""

from collections.abc import Iterable
from typing import Protocol
from urllib.parse import urlsplit

from content.caching.edge.cdn_headers import CdnHeaders


class NotPurged(Exception):
    """The CDN did not confirm a purge. The reason can be logged: it contains no token.

    retry_after   seconds, as the CDN asked; 0 if it did not
    is_refused    the same request would be refused again
    """

    def __init__(self, reason: str, *, retry_after: float = 0.0, is_refused: bool = False) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.is_refused = is_refused


class Cdn(Protocol):
    """Each method returns when the CDN has confirmed the purge, and raises NotPurged otherwise.

    purges_softly  whether pages can be made stale there; if not, soft purges are left out, and such pages end by
                   their lifetime
    early_repeat   seconds after which a purge is repeated once more; None where requests are limited or paid
    """

    purges_softly: bool
    early_repeat: float | None

    async def purge(self, tags: Iterable[str], *, soft: bool) -> None:
        """Purge pages with these tags. Soft: they become stale."""

    async def purge_all(self) -> None: ...

    async def close(self) -> None: ...


# By the scheme of EVERGREEN_CDN.
CDN_HEADERS = {
    # Varnish accepts 8 kB for a header line (http_resp_hdr_len), and 32 kB for all of them.
    "varnish": CdnHeaders(tags=b"xkey", separator=" ", line=4000),
    # Fastly ignores CDN-Cache-Control, and no-cache in Cache-Control: it would store responses without this field.
    "fastly": CdnHeaders(
        tags=b"surrogate-key", separator=" ", control_field=b"surrogate-control", forbid_value="no-store, max-age=0"
    ),
    "cloudflare": CdnHeaders(),
}


def headers_of(url: str) -> CdnHeaders | None:
    """The fields for the CDN of this URL; None for ""."""
    return CDN_HEADERS[urlsplit(url).scheme] if url else None
