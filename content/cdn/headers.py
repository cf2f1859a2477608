"""How each kind of CDN is told of pages. Web processes need no more of one than this, and load no client for it."""

from urllib.parse import urlsplit

from content.caching.edge.cdn_headers import CdnHeaders

# By the scheme of its URL.
CDN_HEADERS = {
    # A line of a head is 8 kB at most there (http_resp_hdr_len), all of it 32 kB.
    "varnish": CdnHeaders(tags=b"xkey", separator=" ", line=4000),
    # It reads no CDN-Cache-Control, and takes no-cache in Cache-Control for nothing: without a word of its own it
    # would keep what it must not.
    "fastly": CdnHeaders(
        tags=b"surrogate-key", separator=" ", control_field=b"surrogate-control", forbid_value="no-store, max-age=0"
    ),
    "cloudflare": CdnHeaders(),
}


def headers_of(url: str) -> CdnHeaders | None:
    """None for ""."""
    return CDN_HEADERS[urlsplit(url).scheme] if url else None
