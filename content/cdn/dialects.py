"""How each kind of CDN is told of pages. Web processes need no more of one than this, and load no client for it."""

from urllib.parse import urlsplit

from content.caching.edge.dialect import Dialect

# By the scheme of its URL.
DIALECTS = {
    # A line of a head is 8 kB at most there (http_resp_hdr_len), all of it 32 kB.
    "varnish": Dialect(tags=b"xkey", separator=" ", line=4000),
    # It reads no CDN-Cache-Control, and takes no-cache in Cache-Control for nothing: without a word of its own it
    # would keep what it must not.
    "fastly": Dialect(
        tags=b"surrogate-key", separator=" ", lasting=b"surrogate-control", forbidding="no-store, max-age=0"
    ),
    "cloudflare": Dialect(),
}


def dialect_of(url: str) -> Dialect | None:
    """None for ""."""
    return DIALECTS[urlsplit(url).scheme] if url else None
